export { type Rejected, rejected } from './engine/shared/rejected.ts'
export { defineRemote } from './sync/carry.ts'
