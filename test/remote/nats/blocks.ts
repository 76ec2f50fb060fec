import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

/** The high bit of a record's length says that it has headers. */
const LENGTH = 0x7fffffff

/**
 * Cuts the newest messages off a stream's newest block file, as a power cut may do. A server that starts with this file does not notice. Stop
 * the server first.
 */
export function cutBlocks(store: string, account: string, stream: string, count: number): void {
  const folder = join(store, 'jetstream', account, 'streams', stream, 'msgs')
  const numbers = readdirSync(folder)
    .filter((file) => /^\d+\.blk$/.test(file))
    .map((file) => Number.parseInt(file, 10))
  const block = join(folder, `${Math.max(...numbers)}.blk`)
  const bytes = readFileSync(block)
  const starts: number[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    starts.push(at)
    at += bytes.readUInt32LE(at) & LENGTH
  }
  const from = starts.at(-count)
  if (from === undefined) throw new Error(`${block} has ${starts.length} messages, not ${count}`)
  truncateSync(block, from)
}
