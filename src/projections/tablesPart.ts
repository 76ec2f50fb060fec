import { type Part, part } from '../load.ts'
import type { Tables } from './workshop.ts'

/**
 * The code of on-disk tables and Dexie, for a page. No file that a worker's script imports may import this one:
 * bundlers would inline it there.
 */
export const tablesPart: Part<Tables> = part('tables', async () => (await import('./onDisk.ts')).onDisk)
