import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDemo, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'

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
  })
})
