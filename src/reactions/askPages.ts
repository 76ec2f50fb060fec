import { aborting, sleep } from '../async.ts'
import type { Json } from '../data.ts'
import { type ContextAnswer, type ContextQuestion, contextValue } from '../engine/answerContext.ts'
import type { ReactionPlace } from '../engine/reactions.ts'
import { fromWire } from '../log/wire.ts'

/** Milliseconds that a page has to answer. */
const PAGE_ANSWER_MS = 5000
/** Milliseconds before the pages are asked again if none answered. */
const ASK_PAGES_AGAIN_MS = 1000

let asked = 0

/**
 * Asks the newest visible page, or else the newest hidden one, for the value of the app's `context`. Waits until a page answers. Rejects with
 * what `context` threw, or with the signal's reason.
 */
export async function askPages(pages: ReactionPlace['pages'], signal: AbortSignal): Promise<Json> {
  for (;;) {
    signal.throwIfAborted()
    if (typeof pages === 'function') return valueIn({ id: 0, ...(await aborting(contextValue(pages), signal)) })
    const newest = [...pages].reverse()
    for (const visible of [true, false]) {
      for (const port of newest) {
        const answer = await ask(port, visible, signal)
        if (answer && !('hidden' in answer)) return valueIn(answer)
      }
    }
    await sleep(ASK_PAGES_AGAIN_MS, signal)
  }
}

function valueIn(answer: Exclude<ContextAnswer, { readonly hidden: true }>): Json {
  if ('error' in answer) throw fromWire(answer.error)
  return answer.value
}

/** Returns undefined if the page does not answer in time: it may be frozen or closed. */
async function ask(port: MessagePort, visible: boolean, signal: AbortSignal): Promise<ContextAnswer | undefined> {
  const question: ContextQuestion = { id: ++asked, visible }
  let hear = (_: MessageEvent): void => {}
  const answered = new Promise<ContextAnswer>((resolve) => {
    hear = ({ data }) => data?.id === question.id && resolve(data)
  })
  port.addEventListener('message', hear)
  port.start()
  port.postMessage(question)
  const over = new AbortController()
  try {
    return await aborting(Promise.race([answered, sleep(PAGE_ANSWER_MS, over.signal).then(() => undefined)]), signal)
  } finally {
    over.abort()
    port.removeEventListener('message', hear)
  }
}
