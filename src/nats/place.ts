import { ModelError } from '../errors.ts'

/** The place of a log on the server. */
export interface StreamPlace {
  readonly stream: string
  readonly subject: string
  /** True if the stream holds other logs too, each under its own subject. */
  readonly shared: boolean
}

export interface PlaceOptions {
  readonly stream?: string | ((log: string) => string) | undefined
  readonly subject?: ((log: string) => string) | undefined
}

const STREAM = /^[^\s.*>/\\]+$/
const SUBJECT = /^[^\s.*>]+(\.[^\s.*>]+)*$/

export function streamPlaceOf(log: string, { stream = (name) => `tm_${name}`, subject }: PlaceOptions): StreamPlace {
  const name = typeof stream === 'string' ? stream : stream(log)
  const under = subject ? subject(log) : name
  if (!STREAM.test(name)) throw invalid('stream', name, log, 'white space, and the characters . * > / \\')
  if (!SUBJECT.test(under)) throw invalid('subject', under, log, 'white space, the characters * and >, and empty parts')
  return { stream: name, subject: under, shared: subject !== undefined }
}

const invalid = (what: 'stream' | 'subject', name: string, log: string, not: string): ModelError =>
  new ModelError(
    `natsRemote: "${name}" can't be the ${what} of log "${log}": NATS allows no ${not} there. ` +
      `Give a \`${what}\` that makes a valid name of the log's name`,
  )
