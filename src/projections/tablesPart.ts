import { type Part, part } from '../load.ts'
import type { Tables } from './workshop.ts'

/** On-disk tables and Dexie, for a page. Nothing that a worker's script imports may import this: there it would be inlined. */
export const tablesPart: Part<Tables> = part('tables', async () => (await import('./onDisk.ts')).onDisk)
