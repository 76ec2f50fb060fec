export { type Devtools, type DevtoolsOptions, defineDevtools, mountDevtools } from './devtools/mount.ts'
