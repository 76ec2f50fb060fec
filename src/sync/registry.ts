import type { OpenRemote } from '../remote.ts'
import type { replicate } from './replicate.ts'

/** The code that follows a remote, by the function that opens the remote. A worker gets this code only through what its script imports. */
export const replicators: WeakMap<OpenRemote, typeof replicate> = new WeakMap()
