import { createListeners, type Listeners } from '../async.ts'

/** Called when the browser may now keep this origin's storage, so that each open engine asks again. */
export const storageChanged: Listeners = createListeners()
