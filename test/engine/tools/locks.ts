interface Wanted {
  readonly name: string
  readonly mode: 'shared' | 'exclusive'
  readonly clientId: string
  grant(): void
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
    const { mode = 'exclusive', ifAvailable = false, signal } = rest[0] ?? {}
    signal?.throwIfAborted()
    const clientId = `client ${++clients}`
    let granted = () => {}
    const grant = new Promise<void>((resolve) => (granted = resolve))
    const wanted: Wanted = { name, mode, clientId, grant: granted }
    if (ifAvailable && (!fits(wanted) || pending.some((one) => one.name === name))) return run(null)
    pending.push(wanted)
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => {
        if (pending.includes(wanted)) {
          pending.splice(pending.indexOf(wanted), 1)
          reject(signal.reason)
        }
      }),
    )
    next()
    await Promise.race([grant, aborted])
    try {
      return await run({ name, mode })
    } finally {
      held.delete(wanted)
      next()
    }
  }
  const query = async () => ({ held: [...held], pending: [...pending] })
  return { request, query }
}
