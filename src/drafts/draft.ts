import { openDrafts } from './openDrafts.ts'
import type { Draft, DraftHeader } from './types.ts'

/**
 * Declares drafts of a model: texts that are still being written, and that every tab sees grow. They are no events, and `read` and commands
 * know nothing of them.
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
 * The header is JSON, and has no `id`, `text` or `state`. What is written survives a crash, but for the last 300 milliseconds. Drafts are
 * in no export, no mirror and no remote, and a full disk drops them before anything else but the mirror.
 */
export const draft = <H extends DraftHeader = Record<never, never>>(): Draft<H> => ({ open: openDrafts })
