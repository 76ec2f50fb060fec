interface Wanted {
  readonly name: string
  readonly mode: 'shared' | 'exclusive'
  readonly clientId: string
  grant(): void
  /** Its holder is told that it was stolen. */
  lose(): void
}

/** Web Locks as the standard has them, for one page that plays several: Node 20 has none. */
export function createLocks() {
  const held = new Set<Wanted>()
  const pending: Wanted[] = []
  let clients = 0
  const fits = ({ name, mode }: Wanted): boolean =>
    [...held].every((one) => one.name !== name || (mode === 'shared' && one.mode === 'shared'))
  const next = (): void => {
    for (const one of [...pending]) {
      const first = pending.find(({ name }) => name === one.name)
      if (first !== one || !fits(one)) continue
      pending.splice(pending.indexOf(one), 1)
      held.add(one)
      one.grant()
    }
  }
  async function request(name: string, ...rest: any[]): Promise<unknown> {
    const run = rest.pop()
    const { mode = 'exclusive', ifAvailable = false, signal, steal = false } = rest[0] ?? {}
    signal?.throwIfAborted()
    const clientId = `client ${++clients}`
    let granted = () => {}
    const grant = new Promise<void>((resolve) => (granted = resolve))
    let lose = () => {}
    const stolen = new Promise<never>((_, reject) => {
      lose = () => reject(new DOMException('by the test', 'AbortError'))
    })
    stolen.catch(() => {})
    const wanted: Wanted = { name, mode, clientId, grant: granted, lose }
    if (ifAvailable && (!fits(wanted) || pending.some((one) => one.name === name))) return run(null)
    if (steal) {
      for (const one of [...held]) if (one.name === name && held.delete(one)) one.lose()
      pending.unshift(wanted)
    } else pending.push(wanted)
    let abort = () => {}
    const aborted = new Promise<never>((_, reject) => {
      abort = () => {
        if (!pending.includes(wanted)) return
        pending.splice(pending.indexOf(wanted), 1)
        reject(signal.reason)
      }
    })
    signal?.addEventListener('abort', abort)
    next()
    await Promise.race([grant, aborted]).finally(() => signal?.removeEventListener('abort', abort))
    try {
      return await Promise.race([run({ name, mode }), stolen])
    } finally {
      held.delete(wanted)
      next()
    }
  }
  const query = async () => ({ held: [...held], pending: [...pending] })
  return { request, query }
}
