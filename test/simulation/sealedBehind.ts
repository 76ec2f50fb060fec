import { type RawDatabase, readStore } from './indexedDb.ts'

const valuesOf = (raw: RawDatabase, store: string): readonly any[] =>
  raw.rawObjectStores.has(store) ? readStore(raw, store).map(({ value }) => value) : []

/** The commits of segments that begin after `head`: a take may seal the commits that it takes, and a restore does. */
export function sealedBehind(raw: RawDatabase, head: number): { readonly first: number; readonly body: string }[] {
  return valuesOf(raw, 'segments')
    .filter(({ first }) => first > head)
    .flatMap(({ body }) => {
      const bytes: Uint8Array = readStore(raw, 'bodies').find(({ key }) => key === body)!.value
      // The simulated gzip does not change bytes.
      const [, ...lines] = new TextDecoder().decode(bytes).split('\n')
      return lines.flatMap((line, i) => (line.startsWith('{') ? { ...JSON.parse(line), body: lines[i + 1] } : []))
    })
}
