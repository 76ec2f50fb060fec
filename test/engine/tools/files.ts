import { openDatabase, seal } from '../../log/rooms.ts'
import type { Tab } from '../kit.ts'
import { tab } from '../kit.ts'
import { freshName } from '../todos.ts'

/** A log with something of everything, its first commits in segments of their own. */
export async function written(
  name: string = freshName(),
  commands = 40,
  sealed: readonly number[] = [12, 24],
): Promise<Tab> {
  const one = await tab(name, {}, { meta: { by: 'ä' } })
  for (let i = 0; i < commands; i++) {
    if (i % 5 === 4) await one.dispatch.toggle({ id: `t${i - 1}` }, { commandId: `toggle ${i}` })
    else if (i % 7 === 6) await one.dispatch.addMany({ ids: [`t${i}`, `u${i}`, `v${i}`] })
    else await one.dispatch.add({ id: `t${i}`, title: `title ${i} 🌊\u2028` })
  }
  await one.projected()
  const database = await openDatabase(name, false)
  for (const limit of sealed) await seal(database, limit, undefined, true)
  database.close()
  return one
}

export const bytesOf = async (stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await new Response(stream).arrayBuffer())

export const blobOf = (bytes: Uint8Array<ArrayBuffer>): Blob => new Blob([bytes])

/** Where each chunk of a file begins, and where the file ends. */
export function boundaries(file: Uint8Array): number[] {
  const at = [0]
  while (at.at(-1)! < file.length) {
    const end = file.indexOf(10, at.at(-1))
    const { bytes } = JSON.parse(new TextDecoder().decode(file.subarray(at.at(-1), end)))
    at.push(end + 1 + bytes)
  }
  return at
}

export const chunksOf = (file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] => {
  const at = boundaries(file)
  return at.slice(1).map((end, i) => file.slice(at[i], end))
}

export const joined = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
