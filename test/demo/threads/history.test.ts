import { openTestEngine } from 'tidemark/testing'
import { expect, it } from 'vitest'
import { compareFiles } from '../../../demo/threads/history/compareFiles.ts'
import { generateThreads } from '../../../demo/threads/history/generate.ts'
import { topics } from '../../../demo/threads/history/topics.ts'
import { filesOf, threadsApp } from '../../../demo/threads/model/threadsApp.ts'

const filesOfTopic = (topic: (typeof topics)[number]) => new Map(topic.files.map(({ path, text }) => [path, text]))

it('generates the threads that it was asked for, with what the assistant really says', () => {
  const threads = [...generateThreads(300, { seed: 7, now: Date.UTC(2026, 0, 1), filesOf: filesOfTopic })]
  const turns = threads.flatMap((thread) => thread.turns)
  expect(threads).toHaveLength(300)
  expect(turns.length / threads.length).toBeGreaterThan(22)
  // A request that nothing can be said to would be a fault of the generator.
  expect(turns.filter(({ text }) => text === '')).toEqual([])
  expect(turns.filter(({ text }) => text.includes("can't do")).length).toBeLessThan(turns.length / 10)
  expect(Math.max(...turns.flatMap(({ files }) => files.map(({ text }) => text.length)))).toBeLessThan(6000)
  expect(turns.every(({ happened }) => happened <= Date.UTC(2026, 0, 2))).toBe(true)
})

it('imports them: files are what the last turns left, and only open threads are unfinished', async () => {
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

it('compares two states of the files: what was renamed is said, what is the same is left out', () => {
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
