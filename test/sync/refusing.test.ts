import type { Remote } from 'tidemark'
import { expect, test } from 'vitest'
import { tab } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { devices, LOG } from './devices.ts'

const soon = { timeout: 40_000 }

/** A device that can read the server, but whose messages never reach it. */
async function unheard(answer: (hear: () => void) => ReturnType<Remote['append']>) {
  const network = devices().server.device()
  let appends = 0
  let allowed = false
  const remote = (): Remote => {
    const inner = network(LOG)
    let online = (): void => {}
    return {
      limits: inner.limits,
      read: (...given) => inner.read(...given),
      watch(hear) {
        online = () => hear('online')
        return inner.watch(hear)
      },
      append(...given) {
        if (allowed) return inner.append(...given)
        appends++
        return answer(online)
      },
    }
  }
  const one = await tab(freshName(), {}, { remote, mirror: false })
  await expect.poll(() => one.status.sync?.state, soon).toBe('online')
  await one.dispatch.add({ id: 'a', title: 'kept' })
  return {
    one,
    appends: () => appends,
    allow() {
      allowed = true
    },
  }
}

test.each([
  ['refuses each message without a newer one', () => Promise.resolve('refused')],
  ['can be read and takes no message', () => Promise.reject(new Error('no permission to publish'))],
  [
    'loses its connection with each message and has it again at once',
    (online) => {
      setTimeout(online)
      return Promise.reject(new Error('connection closed'))
    },
  ],
] satisfies [string, (online: () => void) => ReturnType<Remote['append']>][])(
  'a remote that %s is asked less and less often, status says so, and the command is sent when the remote accepts messages again',
  async (_, answer) => {
    const { one, appends, allow } = await unheard(answer)
    await expect.poll(() => one.status.sync?.error, soon).toBeDefined()
    expect(one.status.sync?.pending).toBe(1)
    // The attempts are 0.5, 1, 2 and 4 s apart. Without a bound there are hundreds.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(appends()).toBeLessThanOrEqual(5)
    allow()
    await expect.poll(() => one.status.sync, soon).toMatchObject({ state: 'online', pending: 0 })
  },
)
