import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { RemoteError } from '../remote.ts'

/** Codes of the server that JetStreamApiCodes doesn't name. */
const MESSAGE_EXCEEDS_MAXIMUM = 10054
const STREAM_IS_FULL = 10077

/** Converts an error of the server or its client to a `RemoteError`. */
export function toRemoteError(error: unknown): RemoteError {
  if (error instanceof RemoteError) return error
  if (
    isCausedBy(error, [
      errors.AuthorizationError,
      errors.UserAuthenticationExpiredError,
      errors.PermissionViolationError,
    ])
  )
    return new RemoteError('denied', undefined, error)
  if (error instanceof JetStreamApiError) {
    if (error.code === JetStreamApiCodes.StreamNotFound) return new RemoteError('gone', undefined, error)
    if (error.code === MESSAGE_EXCEEDS_MAXIMUM) return new RemoteError('too-large', undefined, error)
    if (error.code === STREAM_IS_FULL)
      return new RemoteError('denied', 'The stream of the log is full. Ask who runs the remote for more space', error)
  }
  if (error instanceof errors.InvalidArgumentError && /max_payload/.test(error.message))
    return new RemoteError('too-large', undefined, error)
  return new RemoteError('unreachable', undefined, error)
}

/** Whether an error, or an error that it wraps, is an instance of one of the classes. */
function isCausedBy(error: unknown, classes: readonly (abstract new (...args: never[]) => Error)[]): boolean {
  return error instanceof Error && (classes.some((one) => error instanceof one) || isCausedBy(error.cause, classes))
}

export const isUnheard = (error: unknown): boolean => isCausedBy(error, [errors.NoRespondersError])

/** Whether the server refused an append because its last sequence differs: code 10071, and since 2.15 also 10164. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  [JetStreamApiCodes.StreamWrongLastSequence, JetStreamApiCodes.StreamWrongLastSequenceUnknown].some(
    (code) => code === error.code,
  )

export const isMissingMessage = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound
