import { createListeners, type Listeners } from '../async.ts'

/** Told when the browser may have another answer to whether this origin's storage is kept: each open engine asks again. */
export const storageChanged: Listeners = createListeners()
