import { type Remote, wrap } from 'comlink'
import type { Data } from './data.worker.ts'

export const data: Remote<Data> = wrap<Data>(
  new Worker(new URL('./data.worker.ts', import.meta.url), { type: 'module' }),
)
