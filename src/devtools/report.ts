import { healthOf } from './healthOf.ts'
import type { Session } from './session.ts'

/** The most lines of a stack in a report. */
const STACK_LINES = 4

/** Makes a report for an issue tracker. Without `isWhole` it contains nothing that a person wrote. */
export async function healthReportOf({ engine, core, errors, commands }: Session, isWhole: boolean): Promise<string> {
  const { status } = engine
  const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.().catch(() => undefined)) ?? {}
  const tellError = (error: Error): object => {
    const { name, message, stack = '' } = error
    // Only errors of this library have these fields.
    const { kind, sequence, type, version, reason } = error as Error & Record<string, unknown>
    const frames = stack.split('\n').filter((one) => /^\s*at |@/.test(one))
    // Addresses of this site are left out: they may name a person.
    const places = frames.slice(0, STACK_LINES).map((one) =>
      one
        .trim()
        .replace(/\w+:\/\/[^\s)]*\/([^/\s)]*)/g, '$1')
        .replace(/\?[^\s:)]*/, ''),
    )
    return {
      name,
      kind,
      sequence,
      type,
      version,
      reason: isWhole ? reason : undefined,
      message: isWhole ? message : undefined,
      places,
    }
  }
  const report = {
    health: healthOf(engine).sentence,
    browser: globalThis.navigator?.userAgent,
    model: isWhole ? core.model.name : undefined,
    state: status.state,
    sequence: status.sequence,
    projected: status.projected,
    pending: status.pending,
    worker: status.worker,
    storage: status.storage,
    usage,
    quota,
    base: core.database?.log?.base,
    mirror: { state: status.mirror.state, sequence: status.mirror.sequence },
    restored: status.restored?.sequence,
    projections: core.projections.map(({ name, definition }) => {
      const { state, sequence, error } = status.projections[name]!
      const { kind, resident } = definition.into
      return { name, kind, resident, version: definition.version, state, sequence, error: error && tellError(error) }
    }),
    sync: status.sync && { ...status.sync, error: status.sync.error && tellError(status.sync.error) },
    reactions: Object.entries(status.reactions).map(([name, { error, ...counts }]) => ({
      name,
      ...counts,
      error: error && tellError(error),
    })),
    commands: Object.fromEntries(
      ['done', 'rejected', 'failed', 'pending'].map((state) => [
        state,
        commands.filter((one) => one.state === state).length,
      ]),
    ),
    errors: errors.map(({ at, error }) => ({ at: new Date(at).toISOString(), ...tellError(error) })),
  }
  return JSON.stringify(report, undefined, 2)
}
