import type { SyncReport } from '../log/channel.ts'
import type { WireError } from '../log/wire.ts'
import { stringify } from '../model/json.ts'
import type { Workshop } from '../projections/workshop.ts'

/** Milliseconds after which an unchanged report is repeated. */
const REPEAT_MS = 30_000

/** Reports the state of log and remote to the tabs. */
export interface Reporter {
  say(changes: Omit<Partial<SyncReport>, 'error'> & { readonly error?: WireError | undefined }): void
  again(): void
}

export function createReporter({ channel, database }: Pick<Workshop, 'channel' | 'database'>): Reporter {
  let report: SyncReport = { state: 'offline', rejected: 0, behind: 0 }
  let saidAt = 0
  const reporter: Reporter = {
    say(changes) {
      const { error, ...rest } = { ...report, ...changes }
      const next = error ? { ...rest, error } : rest
      // An unchanged report is repeated from time to time, because a tab may have missed it.
      if (stringify(next) === stringify(report) && performance.now() - saidAt < REPEAT_MS) return
      report = next
      reporter.again()
    },
    again() {
      saidAt = performance.now()
      channel.post({ log: database.log?.id ?? '', sync: report })
    },
  }
  return reporter
}
