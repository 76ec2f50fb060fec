import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// In a process of its own: the simulation replaces the platform's clock, storage and channels.
// A failing seed prints itself and what is left of it after leaving out all that it does not need; `SEED=17 npx vitest run test/simulation` plays it again, with its trace.
const start = fileURLToPath(new URL('start.mjs', import.meta.url))

test('every guarantee holds in 2,000 seeded runs, or as many as a minute allows', { timeout: 180_000 }, () => {
  const { SEED: seed } = process.env
  const options = seed ? ['--seed', seed, '--trace'] : ['--seeds', '1-2000', '--seconds', '60', '--shrink']
  const { stdout, stderr, status } = spawnSync(process.execPath, [start, ...options], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  console.log(stdout)
  expect(status, `${stdout.slice(-20_000)}\n${stderr}`).toBe(0)
})
