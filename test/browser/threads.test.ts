import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  buildDemo,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'
import { sized } from './harness/sizes.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** The seconds within which a turn that lost its runner ends. On a busy machine, only the test's timeout counts. */
const INTERRUPTED_S = sized(Number.POSITIVE_INFINITY, 15)

interface Asked {
  readonly key: string
  readonly model: string
  readonly authorization: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

const textOf = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? ''

const part = (content: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

/** The content of the draft stores, as text. Runs in the page. */
async function storedDrafts(): Promise<string> {
  const found: unknown[] = []
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    if (database.objectStoreNames.contains('drafts'))
      found.push(
        await new Promise((resolve, reject) => {
          const request = database.transaction('drafts').objectStore('drafts').getAll()
          request.onsuccess = () => resolve(request.result)
          request.onerror = () => reject(request.error)
        }),
      )
    database.close()
  }
  return JSON.stringify(found)
}

/** An endpoint with OpenAI's streaming chat completions. The name of the model selects its behaviour. */
function createEndpoint() {
  const asked: Asked[] = []
  const open = new Set<ServerResponse>()
  const behave: Record<string, (response: ServerResponse) => void> = {
    streams(response) {
      const parts = ['I write ', 'it down.\n\n', '```write notes/tide.md\n', 'Low water at six.\n', '```\n']
      const next = (): void => {
        const one = parts.shift()
        if (one === undefined) return void response.end('data: [DONE]\n\n')
        response.write(part(one))
        setTimeout(next, 60)
      }
      next()
    },
    stalls: (response) => void response.write(part('Let me think')),
    busy: (response) =>
      asked.filter((one) => one.model === 'busy').length === 1
        ? void response.writeHead(429).end('{"error":{"message":"Slow down"}}')
        : behave.streams!(response),
    broken: (response) => void response.writeHead(500).end('{"error":{"message":"Out of order"}}'),
    refuses: (response) => void response.writeHead(401).end('{"error":{"message":"No key"}}'),
    cuts(response) {
      response.write(part('Half a sen'))
      setTimeout(() => response.destroy(), 200)
    },
  }
  return {
    asked,
    /** The requests that have not ended. */
    open,
    answer(request: IncomingMessage, response: ServerResponse) {
      let body = ''
      request.on('data', (data) => {
        body += data
      })
      request.on('end', () => {
        const { model, messages } = JSON.parse(body)
        const { authorization = '', 'idempotency-key': key } = request.headers
        asked.push({ key: String(key), model, authorization, messages })
        open.add(response)
        response.on('close', () => open.delete(response))
        response.setHeader('content-type', 'text/event-stream')
        behave[model]!(response)
      })
    },
  }
}

describe.skipIf(!has('chromium'))('Threads', () => {
  let browser: PlaywrightBrowser
  let server: Server
  let tab: PlaywrightTab
  let page: Page
  let endpoint: ReturnType<typeof createEndpoint>
  beforeAll(async () => {
    // A service worker would load the whole site for each origin.
    browser = await chromium({ context: { serviceWorkers: 'block' } })
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    // Another port is another origin, so an empty log.
    server = await serve(buildDemo())
    endpoint = createEndpoint()
    server.override('/v1/chat/completions', endpoint.answer)
    tab = await browser.open(`${server.url}threads/`)
    page = tab.page
    await page.getByRole('button', { name: 'Begin with an example' }).click()
    await page.getByText('What should change in the files').waitFor()
  })
  afterEach(async () => {
    for (const one of browser.context.pages()) if (one.url().startsWith(server.url)) await one.close()
    await server.close()
    expect(tab.log.filter((line) => !line.includes('Service Worker registration blocked'))).toEqual([])
  })

  const ask = async (prompt: string): Promise<void> => {
    await page.locator('.composer textarea').fill(prompt)
    await page.keyboard.press('Enter')
  }
  const turn = (number: number, on = page) => on.getByRole('listitem', { name: `Turn ${number}`, exact: true })
  const ended = (number: number, state: string, on = page) =>
    on.locator(`.turn[data-state="${state}"][aria-label="Turn ${number}"]`).waitFor()
  const said = (number: number) => textOf(turn(number).locator('.said'))
  const name = async (model: string, minutes = '5'): Promise<void> => {
    await page.getByRole('button', { name: /^Assistant/ }).click()
    await page.getByLabel('A language model').check()
    await page.getByLabel('Address').fill(`${server.url}v1/`)
    await page.getByLabel('Model', { exact: true }).fill(model)
    await page.getByLabel('Key').fill('secret')
    await page.getByLabel('Minutes to wait for an approval').fill(minutes)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('.dialog').waitFor({ state: 'detached' })
  }
  const second = async (): Promise<Page> => {
    const { page: other } = await browser.open(page.url())
    await turn(1, other).waitFor()
    return other
  }

  it('work on the files, ask before they delete, undo, say what they cannot do, and end if nobody answers', async () => {
    await ask('add "- [ ] eggs" to todo.md\nfind eggs')
    await ended(1, 'finished')
    expect(await said(1)).toContain('Changed todo.md: 1 line added, 0 removed.')
    expect(await said(1)).toContain('Found “eggs” in 1 line:')

    await ask('delete budget.md, then list files')
    await page.getByRole('button', { name: 'Keep it' }).waitFor()
    expect(await textOf(page.locator('.file-list'))).toContain('budget.md')
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await ended(2, 'finished')
    expect(await said(2)).toContain('3 files:')
    expect(await textOf(page.locator('.file-list'))).not.toContain('budget.md')

    await ask('undo')
    await ended(3, 'finished')
    expect(await textOf(page.locator('.file-list'))).toContain('budget.md')
    await ask('water the plants')
    await ended(4, 'finished')
    expect(await said(4)).toContain("I can't do “water the plants”")

    // An approval that nobody answers ends its turn.
    await page.getByRole('button', { name: /^Assistant/ }).click()
    await page.getByLabel('Minutes to wait for an approval').fill('0.05')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('.dialog').waitFor({ state: 'detached' })
    await ask('delete budget.md')
    await page.getByRole('button', { name: 'Keep it' }).waitFor()
    await ended(5, 'stopped')
    expect(await textOf(turn(5))).toContain('There was no answer in time, so budget.md was kept.')
    expect(await textOf(page.locator('.file-list'))).toContain('budget.md')
  })

  it('show what a turn changed and all files then, and revert to it', async () => {
    await ask('create tide.md with Low water')
    await ended(1, 'finished')
    await ask('replace Low with High in tide.md')
    await ended(2, 'finished')
    await turn(2)
      .getByRole('link', { name: /What this turn changed/ })
      .click()
    const diff = page.getByRole('region', { name: 'tide.md, changed' })
    await diff.waitFor()
    expect(await textOf(diff.locator('[data-kind=removed]'))).toContain('Low water')
    expect(await textOf(diff.locator('[data-kind=added]'))).toContain('High water')
    await page.getByRole('link', { name: 'Turn before' }).click()
    await page.getByText('1 file differs from now.').waitFor()
    await page.getByRole('button', { name: 'Revert to here' }).click()
    await page.getByText('The files are as they were after turn 1.').waitFor()
    await page.getByRole('link', { name: 'Now', exact: true }).click()
    await page.getByRole('button', { name: 'tide.md' }).click()
    expect(await page.getByRole('textbox', { name: 'Text of tide.md' }).inputValue()).toBe('Low water\n')
  })

  it('stream what a model says into every tab, and do what it writes', async () => {
    await name('streams')
    await ask('when is low water?')
    const other = await second()
    await turn(1, other).getByText('I write').waitFor()
    await ended(1, 'finished')
    await ended(1, 'finished', other)
    await other.getByRole('button', { name: 'notes/tide.md' }).waitFor()
    const [asked] = endpoint.asked
    expect(endpoint.asked).toHaveLength(1)
    expect(asked!.authorization).toBe('Bearer secret')
    expect(asked!.messages[0]!.content).toContain('notes/decisions.md')
    expect(asked!.messages.at(-1)).toEqual({ role: 'user', content: 'when is low water?' })
  })

  it('ask again after a 429 with the same idempotency key, fail with a reason after a 500, a cut connection or a refusal, and can be tried again', async () => {
    const keysOf = (model: string) => endpoint.asked.flatMap((one) => (one.model === model ? one.key : []))
    await name('busy')
    await ask('write it down')
    await ended(1, 'finished')
    expect(keysOf('busy')).toHaveLength(2)
    expect(new Set(keysOf('busy')).size).toBe(1)
    await name('broken')
    await ask('write it down again')
    await ended(2, 'failed')
    expect(await textOf(turn(2))).toContain('The endpoint answered 500: Out of order.')
    expect(keysOf('broken').length).toBeGreaterThan(1)
    await name('cuts')
    await turn(2).getByRole('button', { name: 'Try again' }).click()
    await ended(3, 'failed')
    expect(await textOf(turn(3))).toContain('Half a sen')
    expect(await textOf(turn(3))).toContain('connection was cut')
    await name('refuses')
    await turn(3).getByRole('button', { name: 'Try again' }).click()
    await ended(4, 'failed')
    expect(await textOf(turn(4))).toContain('answered 401: No key.')
    // A second request would change nothing.
    expect(keysOf('refuses')).toHaveLength(1)
  })

  it('are stopped from another tab; the text so far stays, and the request ends', async () => {
    await name('stalls')
    await ask('think')
    await turn(1).getByText('Let me think').waitFor()
    const other = await second()
    await turn(1, other).getByText('Let me think').waitFor()
    await turn(1, other).getByRole('button', { name: 'Stop' }).click()
    for (const one of [page, other]) {
      await ended(1, 'stopped', one)
      expect(await textOf(turn(1, one))).toContain('Let me think')
    }
    await expect.poll(() => endpoint.open.size, { timeout: 30_000 }).toBe(0)
    // A tab in the background is slow to close its dialogs.
    await other.close()
    await page.bringToFront()
    // The lane is free.
    await name('streams')
    await ask('again')
    await ended(2, 'finished')
  })

  it('are interrupted when all tabs were closed in the middle, and the next tab says so', async () => {
    await name('stalls')
    await ask('think')
    await turn(1).getByText('Let me think').waitFor()
    // A tab shows a piece up to a quarter of a second before it is stored.
    await expect.poll(() => page.evaluate(storedDrafts), { timeout: 30_000 }).toContain('Let me think')
    const address = page.url()
    await page.close()
    await expect.poll(() => endpoint.open.size, { timeout: 60_000 }).toBe(0)
    tab = await browser.open(address)
    page = tab.page
    const opened = performance.now()
    await ended(1, 'interrupted')
    expect((performance.now() - opened) / 1000).toBeLessThan(INTERRUPTED_S)
    expect(await textOf(turn(1))).toContain('Let me think')
    expect(endpoint.asked).toHaveLength(1)
  })

  it('are found by their text, closed ones on disk, too, and can be generated by the hundred', async () => {
    await ask('add "the heron stood in bed three" to todo.md')
    await ended(1, 'finished')
    await page.getByRole('button', { name: 'Done', exact: true }).click()
    await page.getByRole('button', { name: 'Open again' }).waitFor()
    // Its turns are no longer in memory.
    await page.reload()
    await ended(1, 'finished')
    await page.keyboard.press('Control+k')
    await page.keyboard.type('heron bed')
    await page.locator('.found-excerpt').waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'todo.md, changed' }).waitFor()
    await ask('undo')
    await ended(2, 'finished')
    await turn(1).waitFor()

    // Generates them by the hundred, with texts that the assistant really writes.
    await page.keyboard.press('Control+k')
    await page.keyboard.type('fill')
    await page.keyboard.press('Enter')
    await page.getByLabel('200').check()
    await page.getByRole('button', { name: 'Fill', exact: true }).click()
    await page.locator('.dialog').waitFor({ state: 'detached' })
    await page.locator('.closed summary').first().click()
    await page.locator('.closed .thread-item').first().click()
    await ended(5, 'finished')
    await page.locator('.changes').last().click()
    await page.locator('.diff').first().waitFor()
  })

  it('axe finds nothing, wide and light, narrow and dark', async () => {
    server.override('/axe.js', { headers: { 'content-type': 'text/javascript' }, body: readFileSync(axe, 'utf8') })
    const found: string[] = []
    const look = async (place: string): Promise<void> => {
      for (const [width, colorScheme, runOnly] of [
        [1360, 'light', undefined],
        [390, 'dark', ['color-contrast', 'target-size', 'scrollable-region-focusable']],
      ] as const) {
        await page.setViewportSize({ width, height: 844 })
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const findings = (await page.evaluate(
          `axe.run(${JSON.stringify({ resultTypes: ['violations'], runOnly })}).then(({ violations }) => violations)`,
        )) as {
          id: string
          nodes: { target: string[] }[]
        }[]
        for (const { id, nodes } of findings)
          for (const { target } of nodes) found.push(`${place} ${width}: ${id} ${target}`)
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        if (wider > 0) found.push(`${place} ${width}: ${wider} px too wide`)
      }
      await page.setViewportSize({ width: 1360, height: 844 })
    }
    await page.addScriptTag({ url: `${server.url}axe.js` })
    await look('new thread')
    await ask('add eggs to todo.md\nshow todo.md')
    await ended(1, 'finished')
    await ask('delete budget.md')
    await page.getByRole('button', { name: 'Keep it' }).waitFor()
    await look('thread with an approval')
    await turn(1)
      .getByRole('link', { name: /What this turn changed/ })
      .click()
    await page.locator('.diff').waitFor()
    await look('diff')
    await page.getByRole('link', { name: 'Now', exact: true }).click()
    await page.getByRole('button', { name: 'todo.md' }).click()
    await look('editor')
    await page.getByRole('button', { name: /^Assistant/ }).click()
    await page.getByLabel('A language model').check()
    await look('assistant')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await look('find')
    expect(found).toEqual([])
  })
})
