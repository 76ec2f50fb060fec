import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { type Scene, threeViews } from './scene.ts'

/** A worker that is dead, hangs or is missing may slow a boot down, but nothing goes wrong. */
export const workers = (scene: Scene) => {
  it('hazard 2: without SharedWorker the pipeline runs in the page, and several tabs still work', async () => {
    const name = scene.fresh()
    const [a, b] = [
      await scene.tab(name, 'shared', '?without=SharedWorker'),
      await scene.tab(name, 'shared', '?without=SharedWorker'),
    ]
    const answers = await Promise.all(
      [a, b].map((tab, i) => tab.evaluate((by) => window.app.burst(100, by), i ? 'b' : 'a')),
    )
    expect(answers.flat().sort((x = 0, y = 0) => x - y)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    for (const tab of [a, b]) {
      await tab.waitFor(() => window.app.status().sequence === 200 && window.app.status().worker === 'in-page')
      const { shown, folded, stored } = await threeViews(tab, name)
      expect(shown).toEqual(folded)
      expect(stored).toEqual(folded)
    }
    // The tab that runs the pipeline closes, and the other one takes over.
    await a.close()
    await b.evaluate(() => window.app.add('alone'))
    await b.waitFor(() => window.app.status().projected === 201)
  })

  it('hazard 3: a worker that dies is replaced, and dispatches go on meanwhile', async () => {
    const name = scene.fresh()
    const tab = await scene.tab(name)
    await tab.waitFor(() => window.app.status().worker === 'shared')
    await tab.evaluate(async () => {
      await window.app.add('before')
      await window.app.projected()
    })
    expect(await tab.evaluate(() => window.probe.workers)).toBe(1)
    await tab.evaluate(() => window.app.killWorker())
    await tab.evaluate(() => window.app.writeEach(50, 'meanwhile'))
    await tab.waitFor(() => window.probe.workers > 1)
    await tab.evaluate(() => window.app.projected())
    expect(await tab.evaluate(() => window.app.status())).toMatchObject({ state: 'ready', worker: 'shared' })
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it('guarantee 7: code that a worker loads later works there: it seals, rebuilds and opens its connection again', async () => {
    const name = scene.fresh()
    const tab = await scene.tab(name)
    await tab.evaluate(() => window.app.editOften(20, 1000))
    await tab.waitFor(async (name) => (await window.app.stored(name)).segments > 0, name)
    await tab.evaluate(() => window.app.rebuild())
    expect(await tab.evaluate(() => window.app.add('after'))).toBe(20_002)
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
    expect(await tab.evaluate(() => window.app.status())).toMatchObject({ state: 'ready', worker: 'shared' })
    expect(await tab.evaluate(() => window.probe.workers)).toBe(1)
  })

  it.each([
    ['HTML', { status: 200, body: '<!doctype html><title>single page app</title>' }],
    ['404', { status: 404, body: 'not found' }],
  ])(
    'hazard 3: where the worker URL gives %s, boot and dispatch are not delayed and the pipeline ends in the page',
    async (what, answer) => {
      const path = `/purged-${what}.js`
      const give = (response: ServerResponse) =>
        response.writeHead(answer.status, { 'content-type': 'text/html' }).end(answer.body)
      // The server answers only after the commands, which may not wait for the worker.
      const held: ServerResponse[] = []
      scene.server.override(path, (_, response) => void held.push(response))
      const name = scene.fresh()
      const tab = await scene.tab(name, path)
      await tab.evaluate(() => window.app.writeEach(50, 'me'))
      scene.server.override(path, (_, response) => void give(response))
      held.forEach(give)
      await tab.waitFor(() => window.app.status().worker === 'in-page')
      expect(await tab.evaluate(() => window.probe.workers)).toBeLessThanOrEqual(6)
      const { shown, folded, stored } = await threeViews(tab, name)
      expect(shown).toEqual(folded)
      expect(stored).toEqual(folded)
    },
  )

  it('hazard 3: a worker that dies again and again is started at most five times more, then the pipeline ends in the page', async () => {
    const name = scene.fresh()
    const tab = await scene.tab(name, 'dying')
    await tab.evaluate(() => window.app.add('x'))
    await tab.waitFor(() => window.app.status().worker === 'in-page')
    expect(await tab.evaluate(() => window.probe.workers)).toBeLessThanOrEqual(6)
    await tab.waitFor(() => window.app.status().projected === 1)
  })
}
