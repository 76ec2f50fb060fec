import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root, run } from './run.ts'

it('every export has a sentence, every value a fenced example, and no type in a signature is missing', () => {
  const said = run(process.execPath, [join(root, 'demo/reference/generate.mjs'), '--check'])
  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual([])
})
