// A Vitest reporter that leaves the numbers of a run for test/run.mjs.
import { mkdirSync, writeFileSync } from 'node:fs'

export const file = new URL('../build/tests.json', import.meta.url)

export default class Count {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} errors
   */
  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: errors.length }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const { state } = test.result()
        if (state === 'passed' || state === 'failed') counts[state]++
      }
      // A file or a hook that failed by itself has no failed test.
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) counts.failed++
    }
    mkdirSync(new URL('.', file), { recursive: true })
    writeFileSync(file, JSON.stringify(counts))
  }
}
