import type { Json } from '../data.ts'
import { toWire } from '../log/wire.ts'
import { copyJson } from '../model/json.ts'

/** A question that the holder of the reactions sends to a page over its port. */
export interface ContextQuestion {
  readonly id: number
  /** If true, a hidden page answers `hidden` instead of a value. */
  readonly visible: boolean
}

/** A page's answer: the value, the error, or that the page is hidden. */
export type ContextAnswer = { readonly id: number } & (
  | { readonly value: Json }
  | { readonly error: ReturnType<typeof toWire> }
  | { readonly hidden: true }
)

/**
 * Answers each question on this port with the value of the app's `context` function. The value goes to no other port.
 */
export function answerContext(port: MessagePort, context: () => Promise<Json>): void {
  port.onmessage = async ({ data }: MessageEvent<ContextQuestion>) => {
    const { id, visible } = data
    const isHidden = globalThis.document?.visibilityState === 'hidden'
    const answer: ContextAnswer = visible && isHidden ? { id, hidden: true } : { id, ...(await contextValue(context)) }
    port.postMessage(answer)
  }
}

/** Calls an app's `context` function and returns its value or its error. Never rejects. */
export async function contextValue(
  context: () => Promise<Json>,
): Promise<{ readonly value: Json } | { readonly error: ReturnType<typeof toWire> }> {
  try {
    return { value: copyJson(await context(), 'context')! }
  } catch (error) {
    return { error: toWire(error) }
  }
}
