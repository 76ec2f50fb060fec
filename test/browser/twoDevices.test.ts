import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOOK_MS, hasNatsServer, type NatsServer, startNatsServer } from '../remote/nats/server.ts'
import {
  buildDemo,
  chromium,
  has,
  launch,
  type PlaywrightBrowser,
  type Server,
  serve,
  type Tab,
} from './harness/index.ts'

describe.skipIf(!has('chromium'))('Two devices', () => {
  let server: Server
  let browser: PlaywrightBrowser
  beforeAll(async () => {
    server = await serve(buildDemo())
    // A service worker would load the whole site.
    browser = await chromium({ context: { serviceWorkers: 'block' } })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it('sell one seat once, tell the other buyer, and repair a server that forgot', async () => {
    const tab = await browser.open(`${server.url}two-devices/`)
    const { page } = tab
    const device = (name: string) => page.frameLocator(`iframe[title="The device of ${name}"]`)
    const seat = (name: string, owner: string, label: string) =>
      device(name).locator(`.seat[data-owner=${owner}]`, { hasText: label })
    for (const name of ['Ada', 'Bo']) await device(name).getByText('Up to date').waitFor()
    await device('Ada').getByRole('button', { name: '1A' }).click()
    await seat('Bo', 'other', '1A').waitFor()

    await page.getByRole('button', { name: 'Both offline, both want one seat' }).click()
    for (const name of ['Ada', 'Bo']) await seat(name, 'me', '1B').waitFor()
    await page.getByLabel('Ada is offline').click()
    await device('Ada').getByText('Up to date').waitFor()
    await page.getByLabel('Bo is offline').click()
    await device('Bo').getByText('Seat 1B went to Ada first').waitFor()
    await seat('Bo', 'other', '1B').waitFor()
    await device('Bo').getByRole('button', { name: 'OK' }).click()
    await device('Bo').getByText('went to Ada first').waitFor({ state: 'detached' })

    await page.getByRole('button', { name: 'The server forgets its last second' }).click()
    await page.locator('.strip', { hasText: 'Ada booked 1B' }).waitFor()
    // Each device has its own devtools.
    await device('Ada').getByRole('button', { name: 'Devtools', exact: true }).click()
    await device('Ada').locator('tidemark-devtools').getByRole('tab', { name: 'Sync', exact: true }).waitFor()
    await page.reload()
    for (const name of ['Ada', 'Bo']) await device(name).getByText('Up to date').waitFor()
    await seat('Bo', 'other', '1B').waitFor()
    await seat('Ada', 'me', '1A').waitFor()
    expect(tab.log.filter((line) => !/^debug|Service Worker registration blocked/.test(line))).toEqual([])
    // Only one page at a time can use the devices.
    await tab.close()
  })

  it.skipIf(!hasNatsServer() || !has('firefox'))(
    'share one log over a real server in two browsers, and sell each seat once',
    async () => {
      let nats: NatsServer | undefined
      const firefox = await launch('firefox')
      try {
        nats = await startNatsServer('')
        await nats.admin((jsm) => jsm.streams.add({ name: 'tm_seats', subjects: ['tm_seats'] }))
        const address = `${server.url}two-devices/?nats=${nats.url}`
        const tabs: Tab[] = [await browser.open(address), await firefox.open(address)]
        const [one, other] = tabs as [Tab, Tab]
        const wait = { timeout: HOOK_MS }
        const deviceOf = (tab: Tab, name: string, look: 'text' | 'owner' | 'press', label = ''): Promise<string> =>
          tab.evaluate(
            (name, look, label) => {
              const frame = document.querySelector<HTMLIFrameElement>(`iframe[title="The device of ${name}"]`)
              const body = frame?.contentDocument?.body
              if (look === 'text') return body?.textContent ?? ''
              const seats = [...(body?.querySelectorAll<HTMLElement>('.seat') ?? [])]
              const seat = seats.find(({ textContent }) => textContent.includes(label))
              if (look === 'press') seat?.click()
              return seat?.dataset.owner ?? ''
            },
            name,
            look,
            label,
          )
        const press = (tab: Tab, name: string, label: string) => deviceOf(tab, name, 'press', label)
        const shows = (tab: Tab, name: string, text: string) =>
          expect.poll(() => deviceOf(tab, name, 'text'), wait).toContain(text)
        const owns = (tab: Tab, name: string, label: string, owner: string) =>
          expect.poll(() => deviceOf(tab, name, 'owner', label), wait).toBe(owner)
        for (const tab of tabs) for (const name of ['Ada', 'Bo']) await shows(tab, name, 'Up to date')
        // A click on a seat that is not rendered yet would have no effect.
        for (const tab of tabs) for (const name of ['Ada', 'Bo']) await owns(tab, name, '1A', 'none')
        await press(one, 'Ada', '1A')
        await owns(other, 'Bo', '1A', 'other')
        await nats.kill()
        for (const tab of tabs) for (const name of ['Ada', 'Bo']) await shows(tab, name, 'Offline')
        // Both want one seat, and both are offline.
        await press(one, 'Ada', '1B')
        await press(other, 'Bo', '1B')
        await owns(one, 'Ada', '1B', 'me')
        await owns(other, 'Bo', '1B', 'me')
        await nats.start()
        for (const tab of tabs) for (const name of ['Ada', 'Bo']) await shows(tab, name, 'Up to date')
        // One of the two got it, and all four devices say the same one.
        const ownerOf = async (tab: Tab, name: string): Promise<string> => {
          const owner = await deviceOf(tab, name, 'owner', '1B')
          return owner === 'me' ? name : owner === 'other' ? (name === 'Ada' ? 'Bo' : 'Ada') : 'nobody'
        }
        const owners = async (): Promise<string[]> => [
          ...new Set(await Promise.all(tabs.flatMap((tab) => ['Ada', 'Bo'].map((name) => ownerOf(tab, name))))),
        ]
        await expect.poll(async () => (await owners()).length, wait).toBe(1)
        const [winner] = await owners()
        if (winner === 'Ada') await shows(other, 'Bo', 'Seat 1B went to Ada first')
        else await shows(one, 'Ada', 'Seat 1B went to Bo first')
      } finally {
        await firefox.close()
        await nats?.remove()
      }
    },
    HOOK_MS,
  )
})
