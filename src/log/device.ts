import { randomId } from '../ids.ts'
import type { Database } from './database.ts'

/** The id of this device among those that share the log. The first call draws and stores it. */
export async function readDevice({ transact }: Database): Promise<string> {
  const drawn = randomId()
  const { result } = await transact(['meta'], 'readwrite', (store) => {
    const found = store('meta').get('device')
    found.onsuccess = () => {
      if (!found.result) store('meta').put(drawn, 'device')
    }
    return found
  })
  return result ?? drawn
}
