import { linesIn, makeChunk, openChunk } from '../log/chunk.ts'
import type { Database, StoreOf } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import { askReactions, type KnownReactions, knownReactions, recordKey } from '../log/openReactions.ts'
import type { OpenEvent, ReactionPosition } from '../log/stores.ts'
import { stringify } from '../model/json.ts'
import type { MirrorFolder } from './folder.ts'
import type { WriteSeparateFile } from './mirrorCopy.ts'

// Positions and open events of reactions in a mirror: a separate file, outside the chain of events.

/** Readers of events skip the file, because its name does not end in `.tidemark`. */
const REACTIONS = 'reactions.open'
/**
 * Stands in for a reaction's name, with the position of a log that no reaction had read when its mirror was written. After a restore, the
 * reactions of the log begin at this position. No app gives a reaction this name.
 */
export const NONE_YET = '\0'

/**
 * Returns the function that reads the file of the reactions. It is called before the events are read: an event that opens meanwhile is found
 * again after the position. The file has the positions in its first line, then one line for each open event.
 */
export function mirrorReactions(database: Database): () => Promise<WriteSeparateFile | undefined> {
  let written: { readonly folder: MirrorFolder; readonly content: string } | undefined
  return async () => {
    const lines = await linesOf(database)
    if (!lines) return
    const content = lines.join('')
    return async (folder, { id: log, lineage }) => {
      if (written?.folder === folder && written.content === content) return
      await folder.put(REACTIONS, [await makeChunk({ log, lineage, first: 1, last: 0, kind: 'reactions' }, lines)])
      written = { folder, content }
    }
  }
}

async function linesOf(database: Database): Promise<string[] | undefined> {
  const { transact, hasNewer, log } = database
  if (!hasNewer) return
  const read = async (): Promise<KnownReactions> =>
    knownReactions(await transact(['reactions'], 'readonly', askReactions))
  let { positions, open, booted } = await read()
  if (!positions.size) {
    const head = await headOf(database)
    ;({ positions, open, booted = head } = await read())
    const none = { version: 0, lineage: log?.lineage ?? '', scanned: booted }
    if (!positions.size) positions = new Map([[NONE_YET, none]])
  }
  const { result: device } = await transact(['meta'], 'readonly', (store) => store('meta').get('device'))
  // A restored log keeps its device id, because a reaction may react only to commands of its own device.
  return [[...positions, ...(device ? [['', { device }]] : [])], ...open].map((one) => `${stringify(one)}\n`)
}

/** Reads the reactions of this lineage from a mirror; undefined if it has none, or if the file is damaged. */
export async function findReactions(
  folder: FileSystemDirectoryHandle,
  lineage: string,
): Promise<KnownReactions | undefined> {
  try {
    const file = await (await folder.getFileHandle(REACTIONS)).getFile()
    const chunk = openChunk(new Uint8Array(await file.arrayBuffer()))
    if (chunk?.header.lineage !== lineage) return
    const lines: string[] = []
    for await (const some of linesIn(chunk)) lines.push(...some)
    const [named, ...open] = lines.map((line) => JSON.parse(line))
    // `mirrorReactions` has written these lines, and their checksum fits.
    const positions = new Map(named as [string, ReactionPosition][])
    const { device } = (positions.get('') ?? {}) as { readonly device?: string }
    positions.delete('')
    // The lines after the first one are open events.
    return { positions, open: open as OpenEvent[], device }
  } catch {
    // Without positions, the reactions begin after the restored events.
  }
}

/** Stores the reactions of a restored log. `last` is its newest event. Later events of the file are left out, unless they are local. */
export function putReactions(store: StoreOf, { positions, open, device }: KnownReactions, last: number): void {
  if (device) store('meta').put(device, 'device')
  for (const [name, position] of positions)
    store('reactions').put({ ...position, scanned: Math.min(position.scanned, last) }, [name])
  for (const one of open) if (one.event.sequence <= last || one.local) store('reactions').put(one, recordKey(one))
}
