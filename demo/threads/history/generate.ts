import { apply, type Files } from '../assistant/apply.ts'
import { parse } from '../assistant/parse.ts'
import { answer, sayDone } from '../assistant/say.ts'
import { isEdit } from '../assistant/steps.ts'
import type { ImportedThread } from '../model/threadsApp.ts'
import { type Topic, topics } from './topics.ts'

const DAY_MS = 86_400_000
/** Turns of a thread: 25 on average, so 2,000 threads have about 100,000 messages. */
const TURNS = { least: 6, most: 44 } as const
/** The lines of a file from which on requests also remove lines. */
const LONG_FILE = 18
/** The number of threads that stay open, as the current work. */
export const STAY_OPEN = 12

/** mulberry32: the same threads for the same seed. */
function createRandom(first: number) {
  let seed = first
  const next = (): number => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  const of = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  return { next, between, of }
}
type Random = ReturnType<typeof createRandom>

export interface GeneratedThread extends ImportedThread {
  readonly topic: Topic
}

/**
 * Yields threads in the order in which they happened, up to `now`. Each request goes through the assistant, so answers and files are real.
 * `filesOf` returns the files with which a project starts.
 */
export function* generateThreads(
  count: number,
  { seed, now, filesOf }: { readonly seed: number; readonly now: number; readonly filesOf: (topic: Topic) => Files },
): Generator<GeneratedThread> {
  const random = createRandom(seed)
  const workspaces = new Map(topics.map((topic) => [topic, new Map(filesOf(topic))]))
  const span = Math.min(700, 30 + count) * DAY_MS
  for (let at = 0; at < count; at++) {
    const topic = random.of(topics)
    const begun = now - span + (span * at) / count - random.between(1, 20) * 60_000
    const thing = random.of(topic.things)
    const title = `${random.of(topic.deeds)} ${thing}`
    const turns = converse(random, topic, title, workspaces.get(topic)!, begun)
    yield { topic, id: `${seed.toString(36)}-${at}`, projectId: topic.id, title, turns, open: at >= count - STAY_OPEN }
  }
}

function converse(random: Random, topic: Topic, title: string, files: Map<string, string>, begun: number) {
  const turns: ImportedThread['turns'] = []
  let happened = begun
  const length = random.between(TURNS.least, TURNS.most)
  for (let turn = 0; turn < length; turn++) {
    happened += random.between(20, 900) * 1000
    const prompt = turn === 0 ? `add "- [ ] ${title}" to ${listOf(files)}` : ask(random, topic, title, files)
    turns.push({ prompt, happened, ...carryOut(prompt, files) })
  }
  return turns
}

const listOf = (files: Files): string => [...files].find(([, text]) => text.includes('- [ ]'))?.[0] ?? 'todo.md'

/** The next request in a thread. */
function ask(random: Random, topic: Topic, title: string, files: Files): string {
  const path = random.of([...files.keys()])
  const text = files.get(path)!
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'))
  const thing = random.of(topic.things)
  if (lines.length > LONG_FILE) return `remove "${random.of(lines.slice(0, LONG_FILE / 2))}" from ${path}`
  const open = lines.filter((line) => line.startsWith('- [ ] '))
  const roll = random.next()
  if (roll < 0.16) return `add "${random.of(topic.notes)}" to ${path}`
  if (roll < 0.24) return `add "- [ ] ${random.of(topic.deeds)} ${thing}" to ${listOf(files)}`
  if (roll < 0.32 && open.length > 0) {
    const done = random.of(open)
    return `replace "${done}" with "${done.replace('[ ]', '[x]')}" in ${path}`
  }
  if (roll < 0.52) return `find ${random.of([thing, thing.split(' ').at(-1)!, title.split(' ').at(-1)!])}`
  if (roll < 0.66) return `how many lines does ${path} have?`
  if (roll < 0.8) return `show ${path}`
  if (roll < 0.9) return 'which files are there?'
  if (roll < 0.96) return `count words in ${path}`
  return random.of([`what do you think about ${thing}?`, `remind me of ${thing} tomorrow`, 'thanks'])
}

/** Works like the assistant, but without approvals, because nothing is deleted here. */
function carryOut(
  prompt: string,
  files: Map<string, string>,
): { text: string; files: { path: string; text: string }[] } {
  const said: string[] = []
  const written: { path: string; text: string }[] = []
  for (const step of parse(prompt)) {
    if (!isEdit(step)) said.push(answer(step, files))
    else if (step.kind !== 'undo') {
      const outcome = apply(step, files)
      if ('problem' in outcome) said.push(outcome.problem)
      else {
        said.push(sayDone(step, outcome.edits, files))
        for (const edit of outcome.edits) {
          if (edit.kind !== 'write') continue
          files.set(edit.path, edit.text)
          written.push({ path: edit.path, text: edit.text })
        }
      }
    }
  }
  return { text: said.join('\n\n'), files: written }
}
