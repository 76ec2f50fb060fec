import { afterAll, beforeAll, describe } from 'vitest'
import { type Browser, buildPages, engines, has, launch, type Server, serve } from './harness/index.ts'
import { boot } from './scenarios/boot.ts'
import { policies } from './scenarios/policies.ts'
import { createScene } from './scenarios/scene.ts'
import { storage } from './scenarios/storage.ts'
import { tabs } from './scenarios/tabs.ts'
import { workers } from './scenarios/workers.ts'

describe.each(engines)('%s', (engine) => {
  describe.skipIf(!has(engine))('plays the scenarios', () => {
    let server: Server
    let browser: Browser
    beforeAll(async () => {
      server = await serve(buildPages())
      browser = await launch(engine)
    })
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })
    const scene = createScene(
      () => browser,
      () => server,
    )
    describe('tabs', () => tabs(scene))
    describe('boot', () => boot(scene))
    describe('workers', () => workers(scene))
    describe('storage', () => storage(scene))
    describe('policies', () => policies(scene))
  })
})
