import { aborting } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { EngineClosed } from '../errors.ts'
import { randomId } from '../ids.ts'
import { fromWire } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import { type ConnectOptions, createConnecting } from './connecting.ts'
import type { ProjectionHost, Reply } from './host.ts'
import type { Checkpoints } from './workshop.ts'

/** A tab's connection to its projection host. If the host dies before it answers, a new host gets the same question. */
export interface HostConnection {
  flush(): Promise<Checkpoints>
  rebuild(id: string, projections?: readonly string[]): Promise<void>
  cancel(id: string): Promise<void>
  /** Tells the host that it may write the mirror now. */
  resume(mirror: MirrorPlace): Promise<void>
  close(): void
}

export function connectHost(model: AnyModel, engine: string, options: ConnectOptions): HostConnection {
  const closing = new AbortController()
  const { signal } = closing
  const holder = randomId()
  const connecting = createConnecting(model, engine, options, holder, signal)

  async function ask<T>(question: (host: ProjectionHost) => Promise<Reply<T>>): Promise<T> {
    for (;;) {
      const asked = connecting.asked()
      const { host, dead = signal, epoch } = await aborting(asked, signal)
      signal.throwIfAborted()
      try {
        const reply = await aborting(question(host), dead)
        // WebKit may run the script again on the same port. The new run knows no engines, so this tab says hello again.
        if (epoch && reply.epoch !== epoch) connecting.renew(asked)
        return unwrap(reply)
      } catch (error) {
        if (connecting.current === asked || signal.aborted) throw error
      }
    }
  }

  return {
    flush: () => ask((host) => host.flush(engine)),
    rebuild: (id, projections) => ask((host) => host.rebuild(engine, id, projections)),
    cancel: (id) => ask((host) => host.cancel(engine, id)),
    resume: (mirror) => ask((host) => host.hello(engine, model.name, mirror, holder)),
    close() {
      const { current } = connecting
      closing.abort(new EngineClosed('closed'))
      current.then(({ release }) => release?.()).catch(() => {})
    },
  }
}

function unwrap<T>({ value, error }: Reply<T>): T {
  if (error) throw fromWire(error)
  // A reply without an error carries a value, which may be undefined.
  return value as T
}
