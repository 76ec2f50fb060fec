import type { Database } from '../log/database.ts'

/** Rule 19: derived pages give way to the log, and a mark keeps every pipeline from writing them again at once. */
export async function dropPages({ transact }: Database, head: number): Promise<void> {
  await transact(['pages', 'checkpoints', 'meta'], 'readwrite', (store) => {
    store('pages').clear()
    store('checkpoints').clear()
    store('meta').put({ head }, 'hold')
  })
}
