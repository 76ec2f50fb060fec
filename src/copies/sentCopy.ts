import { type Chunk, linesIn, makeChunk, openChunk } from '../log/chunk.ts'
import { type Database, type LogIdentity, numberKeyOf, type StoreOf } from '../log/database.ts'
import { BadText } from '../log/gzip.ts'
import { isShared, type SentCommands } from '../log/local.ts'
import { stringify } from '../model/json.ts'
import type { MirrorFolder } from './folder.ts'
import type { CopySent } from './mirrorCopy.ts'

// Own commands that are in the log, in a mirror: separate files, outside the chain of events. Each has the commands of
// one stretch of `total`, so a round writes again only the newest file.

/** Readers of events skip these files, because their names do not end in `.tidemark`. */
const SENT_FILE = /^(\d{12})\.sent$/
/** The characters of a stretch. An entry belongs to the stretch in which it begins. */
const SENT_FILE_CHARACTERS = 65_536
/** The entries that are read in one request. */
const READ_SENT = 64

/** An entry of `sent`, with its key. */
export type SentEntry = SentCommands & { readonly first: number }

const sentStretchOf = ({ total, body }: SentCommands): number =>
  Math.floor((total - body.length) / SENT_FILE_CHARACTERS)
const fileOfSent = (stretch: number): string => `${`${stretch}`.padStart(12, '0')}.sent`

/**
 * Returns the function that brings the files of sent commands in line with the store. It is called after events were
 * read and before they are written: if an event of an own command is in a file, its command is in one, too.
 */
export function mirrorSent(database: Database): CopySent {
  let written: WrittenSent | undefined
  return async (folder, log, found) => {
    if (!isShared(log)) return
    const { oldest, newest } = await endsOf(database)
    written = written?.folder === folder ? written : { folder, ...(await resumeSent(found, log, newest)) }
    if (newest === written.last) return
    for await (const entries of stretchesFrom(database, written.from)) {
      const stretch = sentStretchOf(entries[0]!)
      const range = { first: entries[0]!.first, last: entries.at(-1)!.first, kind: 'sent' } as const
      const lines = entries.map((one) => `${stringify(one)}\n`)
      await folder.put(fileOfSent(stretch), [await makeChunk({ log: log.id, lineage: log.lineage, ...range }, lines)])
      written.stretches.add(stretch)
      written.from = range.first
    }
    written.last = newest
    for (const stretch of written.stretches)
      if (oldest === undefined || stretch < sentStretchOf(oldest)) {
        await folder.drop(fileOfSent(stretch))
        written.stretches.delete(stretch)
      }
  }
}

/** What the files of one folder have. */
interface WrittenSent {
  readonly folder: MirrorFolder
  readonly stretches: Set<number>
  /** The first entry of the newest file, which is written again when entries are added. */
  from: number
  /** The newest entry in the files; 0 if there is none. */
  last: number
}

async function endsOf({ transact }: Database): Promise<{ oldest: SentCommands | undefined; newest: number }> {
  const { oldest, newest } = await transact(['sent'], 'readonly', (store) => ({
    oldest: store('sent').getAll(null, 1),
    newest: store('sent').openKeyCursor(null, 'prev'),
  }))
  return { oldest: oldest.result[0], newest: Math.max(0, numberKeyOf(newest)) }
}

/** Finds out what the files of an earlier mirror have. Files are written in order, so the newest one tells. */
async function resumeSent(
  found: FileSystemDirectoryHandle | undefined,
  { lineage }: LogIdentity,
  newest: number,
): Promise<Omit<WrittenSent, 'folder'>> {
  const stretches = new Set<number>()
  for await (const file of found?.keys() ?? []) {
    const [, stretch] = SENT_FILE.exec(file) ?? []
    if (stretch) stretches.add(Number(stretch))
  }
  const chunk = found && stretches.size ? await readChunk(found, fileOfSent(Math.max(...stretches))) : undefined
  // After a restore, entries may be missing that the files have. Then all files are written again.
  const isSame = chunk?.header.lineage === lineage && chunk.header.last <= newest
  return { stretches, from: isSame ? chunk.header.first : 0, last: isSame ? chunk.header.last : 0 }
}

/** The entries from a key on, stretch by stretch. */
async function* stretchesFrom({ transact }: Database, from: number): AsyncGenerator<readonly SentEntry[]> {
  let some: SentEntry[] = []
  for (let next = from; ; ) {
    const range = IDBKeyRange.lowerBound(next)
    const { keys, values } = await transact(['sent'], 'readonly', (store) => ({
      keys: store('sent').getAllKeys(range, READ_SENT),
      values: store('sent').getAll(range, READ_SENT),
    }))
    for (const [i, value] of values.result.entries()) {
      const entry = { first: Number(keys.result[i]), ...value }
      if (some[0] && sentStretchOf(some[0]) !== sentStretchOf(entry)) {
        yield some
        some = []
      }
      some.push(entry)
    }
    if (values.result.length < READ_SENT) break
    next = Number(keys.result.at(-1)) + 1
  }
  if (some.length) yield some
}

/** Reads the sent commands of a mirror up to the restored head. Leaves out files that are damaged or can't be read. */
export async function readSentFiles(folder: FileSystemDirectoryHandle, lineage: string): Promise<readonly SentEntry[]> {
  const all: SentEntry[] = []
  const files: string[] = []
  for await (const file of folder.keys()) if (SENT_FILE.test(file)) files.push(file)
  for (const file of files.sort()) {
    const chunk = await readChunk(folder, file)
    if (chunk?.header.lineage !== lineage) continue
    try {
      for await (const lines of linesIn(chunk)) all.push(...lines.map((line): SentEntry => JSON.parse(line)))
    } catch (error) {
      if (!(error instanceof BadText || error instanceof SyntaxError)) throw error
    }
  }
  return all
}

/** Undefined if the file is damaged or can't be read: it must keep neither a restore nor a mirror from the events. */
async function readChunk(folder: FileSystemDirectoryHandle, name: string): Promise<Chunk | undefined> {
  try {
    const file = await (await folder.getFileHandle(name)).getFile()
    return openChunk(new Uint8Array(await file.arrayBuffer()))
  } catch {}
}

/** Stores the sent commands of a restored log. Later entries than its newest event are left out: the remote gives their events again. */
export function putSent(store: StoreOf, entries: readonly SentEntry[], last: number): void {
  for (const { first, ...sent } of entries) if (first <= last) store('sent').put(sent, first)
}
