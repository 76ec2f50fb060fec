/**
 * What an app does with a log that has a remote: refused commands and what waits.
 * @module
 */
export { type Rejected, rejected } from './engine/shared/rejected.ts'
export { defineRemote } from './sync/carry.ts'
