import { vi } from 'vitest'

export interface Wire {
  /** What was posted, by whom and when. */
  readonly sent: any[]
  /** What becomes of a message on its way to one receiver: delivered so many times (0: lost), or held until `release()`. */
  fate: (message: any) => number | 'hold'
  /** Delivers what was held, in the order that `sort` gives it. */
  release(sort?: (held: (() => void)[]) => (() => void)[]): void
  /** A message out of nowhere. */
  say(engine: string, message: unknown): void
}

/** A BroadcastChannel of this page that loses, holds, doubles and reorders as a test says. */
export function wire(): Wire {
  const open = new Set<Fake>()
  let held: (() => void)[] = []
  const self: Wire = {
    sent: [],
    fate: () => 1,
    release(sort = (held) => held) {
      const now = sort(held)
      held = []
      for (const deliver of now) deliver()
    },
    say: (engine, message) => post(undefined, `tidemark:${engine}`, message),
  }
  function post(from: Fake | undefined, name: string, message: unknown): void {
    const data = structuredClone(message)
    self.sent.push(data)
    for (const to of open) {
      if (to === from || to.name !== name) continue
      const deliver = (): void => {
        if (open.has(to)) to.onmessage?.({ data: structuredClone(data) })
      }
      const fate = self.fate(data)
      if (fate === 'hold') held.push(deliver)
      else for (let i = 0; i < fate; i++) setImmediate(deliver)
    }
  }
  class Fake {
    readonly name: string
    onmessage: ((event: { data: unknown }) => void) | undefined
    constructor(name: string) {
      this.name = name
      open.add(this)
    }
    postMessage(message: unknown): void {
      if (!open.has(this)) throw new DOMException('closed', 'InvalidStateError')
      post(this, this.name, message)
    }
    close(): void {
      open.delete(this)
    }
  }
  vi.stubGlobal('BroadcastChannel', Fake)
  return self
}
