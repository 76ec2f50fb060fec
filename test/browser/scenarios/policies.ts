import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildPages, type Server, serve } from '../harness/index.ts'
import type {} from '../pages/engine/strict.ts'
import { createScene, type Scene, threeViews } from './scene.ts'

/** Secure by default: nothing inline, no eval, no blobs, and Trusted Types. */
export const policies = (outer: Scene) => {
  let server: Server
  beforeAll(async () => {
    server = await serve(buildPages(), {
      headers: {
        'content-security-policy':
          "default-src 'self'; require-trusted-types-for 'script'; trusted-types default; object-src 'none'; base-uri 'none'",
      },
    })
  })
  afterAll(() => server?.close())
  const scene = createScene(
    () => outer.browser,
    () => server,
  )

  it("works under default-src 'self' and Trusted Types, worker included", async () => {
    const tab = await scene.open('engine/strict.html')
    await tab.waitFor(() => window.app)
    expect(await tab.evaluate(() => window.violations)).toEqual([])
    const name = `strict-${scene.fresh()}`
    await tab.evaluate((name) => window.app.open({ name }), name)
    await tab.evaluate(() => window.app.editOften(20, 1000))
    await tab.waitFor(() => window.app.status().worker === 'shared')
    // Sealing, rebuilding and reading the history use code that page and worker load later.
    await tab.evaluate(() => window.app.rebuild())
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown.notes).toMatchObject([{ id: 'often', edits: 20_000 }])
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
    expect(await tab.evaluate(() => window.violations)).toEqual([])
    // The policy is in force: the browser refuses what it forbids.
    expect(await tab.evaluate(() => window.evaluate())).toBe('EvalError')
  })

  it('without a policy that admits the worker script, the pipeline runs in the page where the engine enforces Trusted Types', async () => {
    const tab = await scene.open('engine/strict.html?without-policy')
    await tab.waitFor(() => window.app)
    const name = `strict-${scene.fresh()}`
    await tab.evaluate((name) => window.app.open({ name }), name)
    expect(await tab.evaluate(() => window.app.addMany(10))).toBe(10)
    const enforced = await tab.evaluate(() => 'trustedTypes' in window)
    await tab.waitFor((worker) => window.app.status().worker === worker, enforced ? 'in-page' : 'shared')
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })
}
