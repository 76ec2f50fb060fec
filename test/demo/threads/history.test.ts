import 'fake-indexeddb/auto'
import { diffLines } from 'diff'
import { openTestEngine } from 'tidemark/testing'
import { expect, it } from 'vitest'
import { compareFiles } from '../../../demo/threads/history/compareFiles.ts'
import { generateThreads } from '../../../demo/threads/history/generate.ts'
import { searchTurns } from '../../../demo/threads/history/searchTurns.ts'
import { topics } from '../../../demo/threads/history/topics.ts'
import { countLines } from '../../../demo/threads/model/lines.ts'
import { filesOf, threadsApp } from '../../../demo/threads/model/threadsApp.ts'

const filesOfTopic = (topic: (typeof topics)[number]) => new Map(topic.files.map(({ path, text }) => [path, text]))

it('generates the requested number of threads, with the real answers of the assistant', () => {
  const threads = [...generateThreads(300, { seed: 7, now: Date.UTC(2026, 0, 1), filesOf: filesOfTopic })]
  const turns = threads.flatMap((thread) => thread.turns)
  expect(threads).toHaveLength(300)
  expect(turns.length / threads.length).toBeGreaterThan(22)
  // A request without an answer would be a bug of the generator.
  expect(turns.filter(({ text }) => text === '')).toEqual([])
  expect(turns.filter(({ text }) => text.includes("can't do")).length).toBeLessThan(turns.length / 10)
  expect(Math.max(...turns.flatMap(({ files }) => files.map(({ text }) => text.length)))).toBeLessThan(6000)
  expect(turns.every(({ happened }) => happened <= Date.UTC(2026, 0, 2))).toBe(true)
})

it('imports generated threads: files are as the last turns left them, and only open threads are unfinished', async () => {
  const engine = await openTestEngine(threadsApp, { storage: 'memory' })
  for (const { id, name, files } of topics) await engine.dispatch.createProject({ id, name, files: [...files] })
  const threads = [
    ...generateThreads(40, { seed: 7, now: Date.UTC(2026, 0, 1), filesOf: (topic) => filesOf(engine.read, topic.id) }),
  ]
  await engine.dispatch.importThreads({ threads: threads.map(({ topic: _, ...thread }) => thread) })
  expect(engine.read.threads.by('closed', false)).toHaveLength(12)
  expect(engine.read.turns.size).toBe(0)
  for (const { id } of topics) {
    const last = new Map(
      threads
        .filter(({ projectId }) => projectId === id)
        .flatMap(({ turns }) =>
          turns.flatMap(({ files }) => files.map(({ path, text }): [string, string] => [path, text])),
        ),
    )
    const now = filesOf(engine.read, id)
    for (const [path, text] of last) expect(now.get(path)).toBe(text)
  }
  await engine.close()
})

it('compares two states of the files: names renamed files, and leaves out equal ones', () => {
  const before = new Map([
    ['a.md', 'one\ntwo\n'],
    ['b.md', 'b\n'],
    ['old.md', 'text\n'],
    ['gone.md', 'x\n'],
  ])
  const after = new Map([
    ['a.md', 'one\n2\n'],
    ['b.md', 'b\n'],
    ['dir/new.md', 'text\n'],
    ['fresh.md', 'y\n'],
  ])
  const found = compareFiles(before, after, [...before.keys(), ...after.keys()])
  expect(found.map(({ path, what, from, added, removed }) => [path, what, from, added, removed])).toEqual([
    ['a.md', 'changed', undefined, 1, 1],
    ['dir/new.md', 'renamed', 'old.md', 0, 0],
    ['fresh.md', 'created', undefined, 1, 0],
    ['gone.md', 'deleted', undefined, 0, 1],
  ])
})

it('searches the text of all turns, newest first, and reports its progress', async () => {
  const engine = await openTestEngine(threadsApp)
  for (const { id, name, files } of topics) await engine.dispatch.createProject({ id, name, files: [...files] })
  const generated = [...generateThreads(24, { seed: 7, now: Date.UTC(2026, 0, 1), filesOf: filesOfTopic })]
  const threads = generated.map(({ topic: _, ...thread }) => thread)
  await engine.dispatch.importThreads({ threads: threads.slice(0, 12) })
  await engine.dispatch.importThreads({ threads: threads.slice(12) })
  const { signal } = new AbortController()
  const search = async (query: string) => {
    const shares: number[] = []
    const found: string[] = []
    for await (const { turn } of searchTurns(engine, query, { signal, onProgress: (share) => shares.push(share) }))
      found.push(turn.id)
    expect(shares.at(-1)).toBe(1)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    return found
  }
  for (const query of ['oak worktop', 'WORKTOP', 'orkto', 'invoice tiles', 'no such words', 'lines:']) {
    const wanted = query.toLowerCase().split(' ')
    const has = ({ prompt, text }: { prompt: string; text: string }) =>
      wanted.every((word) => `${prompt}\n${text}`.toLowerCase().includes(word))
    const expected = threads.flatMap(({ id, turns }) =>
      turns.flatMap((turn, at) => (has(turn) ? `${id}.${at + 1}` : [])),
    )
    expect((await search(query)).sort()).toEqual(expected.sort())
  }
  const [newest] = await search('what')
  const last = threads.findLast(({ turns }) => turns.some(({ prompt, text }) => `${prompt}${text}`.includes('what')))
  expect(newest).toMatch(`${last?.id}.`)
  const stop = new AbortController()
  const stopped = searchTurns(engine, 'lines', {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('typed on')),
  })
  const readAll = async () => {
    for await (const _ of stopped);
  }
  await expect(readAll()).rejects.toThrow('typed on')
  await engine.close()
})

it('counts the same changed lines as a comparison of the whole texts', () => {
  const lines = ['a\n', 'b\n', 'c\n', '\n', 'a']
  const texts = Array.from({ length: 70 }, (_, seed) =>
    Array.from({ length: seed % 7 }, (_, at) => lines[(seed * (at + 3) + (seed >> (at % 4))) % lines.length]).join(''),
  )
  const different = texts.flatMap((before) =>
    texts.filter((after) => {
      const parts = diffLines(before, after)
      const sum = (which: 'added' | 'removed') => parts.reduce((n, part) => n + (part[which] ? part.count : 0), 0)
      const { added, removed } = countLines(before, after)
      return added !== sum('added') || removed !== sum('removed')
    }),
  )
  expect(different).toEqual([])
})
