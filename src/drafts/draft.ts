import { openDrafts } from './openDrafts.ts'
import type { Draft, DraftHeader } from './types.ts'

/**
 * Declares drafts of a model: texts that are still being written, and that every tab shows as they grow. They are not
 * events, and neither
 * `read` nor commands can see them.
 * @example
 * ```ts
 * export const chat = defineModel({
 *   name: 'chat', events, projections: { messages }, commands,
 *   drafts: { reply: draft<{ threadId: string }>() },
 * })
 * const reply = engine.drafts.reply.begin(id, { threadId })
 * for await (const part of answer) reply.append(part)
 * await reply.end((text) => engine.dispatch.addMessage({ id, threadId, text }))
 * ```
 *
 * The header is JSON without the properties `id`, `text` and `state`. A draft survives a crash, except for its last 300
 * milliseconds. Exports, the mirror and the remote contain no drafts. On a full disk, drafts are deleted right after
 * the mirror.
 */
export const draft = <H extends DraftHeader = Record<never, never>>(): Draft<H> => ({ open: openDrafts })
