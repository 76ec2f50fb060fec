import { openEngine } from 'tidemark'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { answerContext } from '../../src/engine/answerContext.ts'
import { runReactionsOf } from '../../src/engine/reactions.ts'
import { lockName } from '../../src/locks.ts'
import { createHost } from '../../src/projections/host.ts'
import { atEnd, quiet, traffic } from '../engine/kit.ts'
import { freshName, later } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { allSettled, chatTab, createProvider, openOf, runner } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

describe('reactions rule 11, values from a page:', () => {
  /** A page that offers its port. `silent`: the page is frozen. */
  function page(name: string, { silent = false, hidden = false } = {}): MessagePort {
    const { port1, port2 } = new MessageChannel()
    atEnd(() => port1.close())
    atEnd(() => port2.close())
    if (hidden) port1.onmessage = ({ data }) => data.visible && port1.postMessage({ id: data.id, hidden: true })
    else if (!silent) answerContext(port1, async () => ({ token: name }))
    return port2
  }
  const asking = (got: unknown[]): Parameters<typeof runner>[1] => ({
    answer: { run: async ({ context }) => void got.push(await context()) },
  })

  test('the page that was opened last answers; a hidden page answers only if no visible page does', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const got: unknown[] = []
    await runner(name, asking(got), { pages: [page('first'), page('second'), page('hidden', { hidden: true })] })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => got).toEqual([{ token: 'second' }])
  })

  test('a page that does not answer within 5 s is skipped', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const got: unknown[] = []
    await runner(name, asking(got), { pages: [page('first'), page('frozen', { silent: true })] })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => got, { timeout: 20_000 }).toEqual([{ token: 'first' }])
  })

  test('an attempt waits until a page answers; the answer is neither stored nor broadcast', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const got: unknown[] = []
    const pages: MessagePort[] = []
    const said: string[] = []
    const ear = new BroadcastChannel(`tidemark:${name}`)
    ear.onmessage = ({ data }) => said.push(JSON.stringify(data))
    atEnd(() => ear.close())
    await runner(name, asking(got), { pages })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(async () => (await openOf(name)).length).toBe(1)
    pages.push(page('secret'))
    await expect.poll(() => got, { timeout: 20_000 }).toEqual([{ token: 'secret' }])
    expect(said.join()).not.toMatch('secret')
    expect(JSON.stringify(await openOf(name))).not.toMatch('secret')
  })

  test('an error of `context` fails the attempt; a holder in a page asks its own page', async () => {
    const chat = chatApp()
    const { reaction } = await import('tidemark/reactions')
    const seen: unknown[] = []
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      retry: { delay: 1 },
      async run({ context, attempt }) {
        seen.push(await context().catch((error) => error.message))
        if (attempt === 1) throw new Error('again')
      },
    })
    let asked = 0
    const context = async () => {
      if (!asked++) throw new Error('signed out')
      return { token: 'mine' }
    }
    const engine = await openEngine(chat, { storage: 'memory', reactions: async () => ({ answer }), context })
    atEnd(() => engine.close())
    await engine.dispatch.requestTurn({ id: 'a' })
    await engine.settled()
    expect(seen).toEqual(['signed out', { token: 'mine' }])
  })
})

describe('reactions rule 12, life:', () => {
  test('a running attempt keeps its pipeline open after the last tab has closed, until the attempt ends', async () => {
    const name = freshName()
    const chat = chatApp()
    const tab = await chatTab(name)
    const { reaction } = await import('tidemark/reactions')
    const provider = createProvider()
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      async run({ event, key, signal, dispatch }) {
        const text = await provider.ask(key, event.data.id, signal)
        await dispatch.finishTurn({ id: event.data.id, text }, { settles: true })
      },
    })
    let closed = false
    const host = createHost(chat as unknown as AnyModel, 'epoch', {
      idle: 1,
      opened({ shop }, { booted, ports, stay }) {
        shop.closing.addEventListener('abort', () => (closed = true))
        runReactionsOf({ answer }, { beside: shop, booted, pages: ports, stay })
      },
    })
    let leave = (): void => {}
    void navigator.locks.request(lockName('holder', 'a tab'), () => new Promise<void>((resolve) => (leave = resolve)))
    await host.hello(name, 'chat', false, 'a tab', 0)
    await tab.dispatch.requestTurn({ id: 'a' })
    const call = await provider.call(0)
    leave()
    await later(50)
    expect(closed).toBe(false)
    call.answer('late, and in time')
    await expect.poll(() => closed).toBe(true)
    await expect.poll(() => tab.read.turns.get('a')?.text).toBe('late, and in time')
    expect(await openOf(name)).toEqual([])
  })

  test("a reaction with `from: now` begins at the head of the first tab's boot, even if much is appended before the worker answers", async () => {
    const name = freshName()
    const chat = chatApp()
    const tab = await chatTab(name)
    const { reaction } = await import('tidemark/reactions')
    const called: string[] = []
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      run: ({ event }) => void called.push(event.data.id),
    })
    const host = createHost(chat as unknown as AnyModel, 'epoch', {
      opened: ({ shop }, { booted, ports, stay }) =>
        runReactionsOf({ answer }, { beside: shop, booted, pages: ports, stay }),
    })
    atEnd(() => host.goodbye(name))
    await tab.dispatch.requestTurns({ ids: ['before'], thread: 't' })
    const booted = tab.status.sequence
    await tab.dispatch.requestTurns({ ids: ['a', 'b'], thread: 't' })
    await host.hello(name, 'chat', false, 'a tab', booted)
    await host.hello(name, 'chat', false, 'another tab', 3)
    await expect.poll(() => called).toEqual(['a', 'b'])
  })
})

test('reactions handle the events of a tab even if tab and worker die before any position is stored', async () => {
  const name = freshName()
  const never = () => new Promise<never>(() => {})
  const old = await chatTab(name)
  await old.dispatch.requestTurn({ id: 'before' })
  for (const id of ['a', 'b']) {
    const tab = await openEngine(chatApp(), { name, reactions: never })
    await tab.dispatch.requestTurn({ id })
    await tab.close()
  }
  const called: string[] = []
  const later: string[] = []
  const answer = { run: ({ event }: any) => void called.push(event.data.id) }
  const first = await runner(name, { answer }, { booted: 3 })
  await expect.poll(() => called).toEqual(['a', 'b'])
  await allSettled(name)
  await first.close()
  // A reaction that a later build adds begins at the head of the first boot of that build.
  await runner(name, { answer, added: { run: ({ event }: any) => void later.push(event.data.id) } }, { booted: 3 })
  await old.dispatch.requestTurn({ id: 'c' })
  await expect.poll(() => [...called, ...later]).toEqual(['a', 'b', 'c', 'c'])
})

describe('reactions rule 14, cost:', () => {
  /** The requests to IndexedDB while a tab and its pipeline take fifty commits, and the records that are stored. */
  async function costOf(reactions: number | 'none declared') {
    const chat = chatApp()
    const { reaction } = await import('tidemark/reactions')
    const made = Array.from({ length: Number(reactions) || 0 }, (_, i) => [
      `r${i}`,
      reaction(chat, { on: ['turnRequested'], from: 'now', run() {} }),
    ])
    const name = freshName()
    const tab = await openEngine(chat, {
      name,
      ...(reactions !== 'none declared' && { reactions: async () => Object.fromEntries(made) }),
    })
    atEnd(() => tab.close())
    if (made.length) await expect.poll(() => Object.keys(tab.status.reactions).length).toBe(reactions)
    await tab.dispatch.note({ text: 'first' })
    await tab.projected()
    await quiet()
    const seen = traffic()
    for (let i = 0; i < 50; i++) await tab.dispatch.note({ text: `${i}` })
    seen.stop()
    // The pipeline decides when to write pages, so they are not counted.
    const isOfPages = (of: readonly string[]): boolean => of.includes('pages') || of.includes('checkpoints')
    const stored = (await dump(name, 'commits')).slice(1)
    return {
      transactions: seen.transactions.flatMap(({ stores, mode }) => (isOfPages(stores) ? [] : `${mode} ${stores}`)),
      requests: seen.requests.filter((one) => /(segments|commits|commands|types|reactions)$/.test(one)),
      // Ids differ in length.
      characters: stored.map(({ value }) => value.body.replace(/"id":"[^"]*"/, '').length),
    }
  }

  test('an append that no reaction handles makes the same requests and stores the same records with ten reactions as with none', async () => {
    const none = await costOf('none declared')
    expect([none.transactions.length, none.characters.length]).toEqual([50, 50])
    expect(none.requests.length).toBeGreaterThanOrEqual(100)
    expect(await costOf(0)).toEqual(none)
    expect(await costOf(10)).toEqual(none)
  })

  const source = (path: string): string => new URL(`../../src/${path}`, import.meta.url).pathname

  /** The sources that an entry loads without `import()`. */
  async function reachedFrom(entry: string): Promise<string[]> {
    const { readFileSync } = await import('node:fs')
    const seen = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      const text = readFileSync(file, 'utf8')
      for (const [, type, path = ''] of text.matchAll(/^(?:import|export)( type)? [^'"]*?\bfrom ['"](\.[^'"]+)['"]/gms))
        if (!type) visit(new URL(path, `file://${file}`).pathname)
    }
    visit(source(entry))
    expect(seen.size).toBeGreaterThan(50)
    return [...seen].map((file) => file.slice(source('').length))
  }

  test('the script of a worker reaches the code of reactions only through what the app passes in', async () => {
    const reached = await reachedFrom('worker.ts')
    expect(reached.filter((file) => file.startsWith('reactions/') || file.includes('workerEngine'))).toEqual([])
  })

  test('an app without reactions loads at most 500 bytes of their files, in page and worker together', async () => {
    const { gzipSync } = await import('node:zlib')
    const { build } = await import('vite')
    /** Bytes, gzip, that an entry loads at once; `without` empties the files of reactions. */
    const bytesOf = async (entry: string, without: readonly string[]): Promise<number> => {
      const [made] = (await build({
        configFile: false,
        logLevel: 'error',
        define: { __DEV__: 'false' },
        plugins: [
          {
            name: 'parts',
            enforce: 'pre',
            resolveDynamicImport: (id) => ({ id: String(id), external: true }),
            load: (id) =>
              without.some((file) => id.endsWith(file))
                ? "export const runner = '', runReactionsOf = () => {}, noteBooted = () => {}, withReactions = () => {}"
                : undefined,
          },
        ],
        build: { write: false, minify: true, lib: { entry: source(entry), formats: ['es'] } },
        // With one format, the result is one output with one file.
      })) as unknown as { output: { code: string }[] }[]
      return gzipSync(made!.output[0]!.code).length
    }
    let difference = 0
    for (const entry of ['index.ts', 'worker.ts']) {
      const ofReactions = (await reachedFrom(entry)).filter((file) => /react(ion|ing)/i.test(file))
      expect(ofReactions).toContain('engine/reactions.ts')
      difference += (await bytesOf(entry, [])) - (await bytesOf(entry, ofReactions))
    }
    expect(difference).toBeGreaterThan(0)
    expect(difference).toBeLessThanOrEqual(500)
  })
})
