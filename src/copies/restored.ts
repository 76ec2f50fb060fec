import type { LogIdentity } from '../log/database.ts'

/** What was restored from a mirror. */
export interface Restored {
  readonly log: LogIdentity
  /** The last event that was restored; 0 if there was no mirror, or none that could be used. */
  readonly sequence: number
  /** Why not all of a mirror was restored. */
  readonly reason?: string
}

export type RestoreProgress = (done: number, total: number) => void

export const withReason = (sequence: number, reason: string | undefined): Omit<Restored, 'log'> => ({
  sequence,
  ...(reason !== undefined && { reason: `Its mirror could be used up to event ${sequence} only: ${reason}.` }),
})
