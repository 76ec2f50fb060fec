/**
 * For logs that have a remote: the commands that it refused, and remotes of your own.
 * @module
 */
export { type Rejected, rejected } from './engine/shared/rejected.ts'
export { defineRemote } from './sync/carry.ts'
