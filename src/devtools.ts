/**
 * A panel that shows the log, its rows and what happens now.
 * @module
 */
export { type Devtools, type DevtoolsOptions, defineDevtools, mountDevtools } from './devtools/mount.ts'
