import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root, run } from './run.ts'

it('every export has a description, every value has an example, and the reference has every type of a signature', () => {
  const output = run(process.execPath, [join(root, 'demo/reference/generate.mjs'), '--check'])
  expect(JSON.parse(output.trim().split('\n').at(-1) ?? '')).toEqual([])
})
