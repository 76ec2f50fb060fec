import type { Json } from '../data.ts'
import { toWire } from '../log/wire.ts'
import { copyJson } from '../model/json.ts'

/** What the holder of the reactions asks a page over its port. */
export interface ContextQuestion {
  readonly id: number
  /** Only a page that somebody looks at answers. */
  readonly visible: boolean
}

/** A page's answer: the value, why there is none, or that nobody looks at it. */
export type ContextAnswer = { readonly id: number } & (
  | { readonly value: Json }
  | { readonly error: ReturnType<typeof toWire> }
  | { readonly hidden: true }
)

/** Answers with what the app's function gives. It is copied for nobody else. */
export function answerContext(port: MessagePort, context: () => Promise<Json>): void {
  port.onmessage = async ({ data }: MessageEvent<ContextQuestion>) => {
    const { id, visible } = data
    const isHidden = globalThis.document?.visibilityState === 'hidden'
    const answer: ContextAnswer = visible && isHidden ? { id, hidden: true } : { id, ...(await contextValue(context)) }
    port.postMessage(answer)
  }
}

/** What an app's `context` gives, as a value. */
export async function contextValue(
  context: () => Promise<Json>,
): Promise<{ readonly value: Json } | { readonly error: ReturnType<typeof toWire> }> {
  try {
    return { value: copyJson(await context(), 'context')! }
  } catch (error) {
    return { error: toWire(error) }
  }
}
