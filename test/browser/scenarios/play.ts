import { afterAll, beforeAll, describe } from 'vitest'
import { type Browser, buildPages, type Engine, has, launch, type Server, serve } from '../harness/index.ts'
import { boot } from './boot.ts'
import { mirror } from './mirror.ts'
import { policies } from './policies.ts'
import { createScene } from './scene.ts'
import { storage } from './storage.ts'
import { tabs } from './tabs.ts'
import { workers } from './workers.ts'

/** Plays every scenario in one engine, in one profile. Each engine has a test file that calls this, so the engines run side by side. */
export const play = (engine: Engine): void => {
  describe.skipIf(!has(engine))(`${engine} plays the scenarios`, () => {
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
    describe('mirror', () => mirror(scene))
  })
}
