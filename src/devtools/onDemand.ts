// What the panel does now and then.
export { at } from '../engine/tools/at.ts'
export { verify } from '../engine/tools/verify.ts'
export { asTest, commandAsTest } from './asTest.ts'
export { diskRows } from './diskRows.ts'
export { reportOf } from './report.ts'
export { rowSteps } from './rowSteps.ts'
export { StoragePanel } from './storage.ts'
