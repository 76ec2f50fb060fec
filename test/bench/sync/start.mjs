// npm run bench -- --only sync [--pieces dispatch,boot,latency,both,catch-up,first] [--rounds 7]: figures of logs with a remote, in Chromium,
// with a nats-server on loopback and the sources built for production. Each piece takes less than 5 minutes. The last results of the other pieces are kept.
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url))
const output = path('../../../build/bench-sync/run.mjs')
await build({
  input: path('run.ts'),
  platform: 'node',
  logLevel: 'warn',
  external: (id) => !/^[./]/.test(id) && !id.startsWith('tidemark'),
  resolve: { alias: { tidemark: path('../../../src/index.ts') } },
  transform: { define: { __DEV__: 'false' } },
  output: { file: output, format: 'esm', codeSplitting: false },
})
const { measure } = await import(output)
await measure(process.argv.slice(2), path('.'))
