import { crc32, createCommitReader, joinedBytes, linesIn, textOfRecords } from '../log/chunk.ts'
import { type CommitRecord, commandsOf, isCommit, type StoredCommand } from '../log/commit.ts'
import { BadText, compressed } from '../log/gzip.ts'
import { stringify } from '../model/json.ts'

/**
 * The first line of a message, as JSON. After its line feed come `bytes` bytes of body. The body has two lines for each commit, like the body
 * of a chunk. A message belongs to the log only if `after` names the commit before it.
 */
export interface MessageHeader {
  readonly v: 1
  /** The id of the message's last commit. */
  readonly id: string
  /** The id of the commit before the message's first commit; `''` at the beginning of a log. */
  readonly after: string
  readonly lineage: string
  readonly first: number
  readonly last: number
  readonly codec: 'json' | 'gzip'
  readonly bytes: number
  /** CRC-32 of the header up to the comma before this member, and of the body. */
  readonly checksum: number
}

/** A commit of a message, with its parsed body. */
export interface ReadCommit {
  readonly record: CommitRecord
  readonly commands: readonly StoredCommand[]
}

/** The meaning of bytes of a remote, without their context. */
export type Opened =
  /** Foreign or damaged bytes. No device takes them into its log. `id` identifies them. */
  | { readonly is: 'no message'; readonly id: string }
  /** A message of a newer build. If it continues the chain, this build must stop there. */
  | { readonly is: 'newer'; readonly id: string; readonly after: string; readonly what: string }
  | {
      readonly is: 'message'
      readonly id: string
      readonly header: MessageHeader
      readonly commits: readonly ReadCommit[]
    }

/** Bodies of at least this many bytes are compressed. */
const GZIP_FROM = 2048
const MESSAGE_CHECKSUM = ',"checksum":'

/** Packs consecutive commits as a message. */
export async function packMessage(
  records: readonly CommitRecord[],
  { after, lineage }: Pick<MessageHeader, 'after' | 'lineage'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const text = [...textOfRecords(records)].join('')
  const plain = new TextEncoder().encode(text)
  const codec = plain.length < GZIP_FROM ? 'json' : 'gzip'
  const body = codec === 'json' ? plain : joinedBytes(await compressed([text]))
  const { id = '', last = 0 } = records.at(-1) ?? {}
  const fields = { v: 1, id, after, lineage, first: records[0]?.first ?? 1, last, codec, bytes: body.length } as const
  const start = new TextEncoder().encode(stringify(fields satisfies Omit<MessageHeader, 'checksum'>).slice(0, -1))
  const end = new TextEncoder().encode(`${MESSAGE_CHECKSUM}${crc32(body, crc32(start))}}\n`)
  return joinedBytes([start, end, body])
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

export async function openMessage(given: Uint8Array): Promise<Opened> {
  const bytes = new Uint8Array(given)
  const end = bytes.indexOf(10)
  const line = textOf(bytes.subarray(0, Math.max(0, end)))
  const nothing = (): Opened => ({ is: 'no message', id: `#${crc32(bytes)}` })
  const found = parseHeader(line)
  if (!found || typeof found.id !== 'string' || typeof found.after !== 'string') return nothing()
  const { id, after, v, codec } = found
  if (v !== 1) return Number.isSafeInteger(v) ? { is: 'newer', id, after, what: `message format ${v}` } : nothing()
  const body = bytes.subarray(end + 1)
  const checked = `${MESSAGE_CHECKSUM}${found.checksum}}`
  // `checked` is ASCII, so it has as many bytes as characters.
  const start = bytes.subarray(0, Math.max(0, end - checked.length))
  const isWhole = line.endsWith(checked) && found.bytes === body.length && crc32(body, crc32(start)) === found.checksum
  if (!isWhole) return nothing()
  if (codec !== 'json' && codec !== 'gzip') return { is: 'newer', id, after, what: `message codec ${codec}` }
  // Its checksum matches, so its bytes are as they were packed.
  const header = found as MessageHeader
  const commits = soundCommits(header, await unpackCommits(header, body))
  return commits ? { is: 'message', id, header, commits } : nothing()
}

/** Decodes UTF-8. Returns an empty string if the bytes are not text. */
function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    return ''
  }
}

function parseHeader(line: string): { readonly [K in keyof MessageHeader]?: unknown } | undefined {
  try {
    const found = JSON.parse(line)
    return typeof found === 'object' && found ? found : undefined
  } catch {
    return undefined
  }
}

/** Returns no commits if no writer can have written this body. */
async function unpackCommits(
  { codec }: MessageHeader,
  body: Uint8Array<ArrayBuffer>,
): Promise<readonly CommitRecord[]> {
  const read = createCommitReader()
  try {
    if (codec === 'json') return read(textOf(body).split('\n').slice(0, -1))
    const records: CommitRecord[] = []
    for await (const lines of linesIn({ header: { bytes: body.length }, bytes: body })) records.push(...read(lines))
    return records
  } catch (error) {
    if (error instanceof BadText) return []
    throw error
  }
}

/** Checks that commits have no gap and that a log may hold their commands. Otherwise returns undefined. */
function soundCommits(
  { id, first, last, lineage }: MessageHeader,
  records: readonly CommitRecord[],
): readonly ReadCommit[] | undefined {
  if (typeof lineage !== 'string' || records.at(-1)?.id !== id) return
  const ids = new Set<string>()
  const commits: ReadCommit[] = []
  let at = first - 1
  for (const record of records) {
    if (!isCommit(record) || record.first !== at + 1) return
    const commands = soundCommands(record, ids)
    if (!commands) return
    commits.push({ record, commands })
    at = record.last
  }
  return at === last ? commits : undefined
}

function soundCommands(record: CommitRecord, ids: Set<string>): readonly StoredCommand[] | undefined {
  try {
    const commands = commandsOf(record)
    let count = 0
    for (const { id, at, events, fingerprint = '' } of commands) {
      if (typeof id !== 'string' || typeof fingerprint !== 'string' || !Number.isFinite(at) || ids.has(id)) return
      if (!Array.isArray(events) || !events.length) return
      for (const { type, version = 1 } of events) if (typeof type !== 'string' || !Number.isSafeInteger(version)) return
      ids.add(id)
      count += events.length
    }
    return record.first + count === record.last + 1 ? commands : undefined
  } catch {
    return undefined
  }
}
