import { mirrorPlaceOf, openPlace } from '../../copies/mirrorPlace.ts'
import { restoreFromMirror } from '../../copies/restoreFromMirror.ts'
import { StorageError } from '../../errors.ts'
import type { Engine } from '../types.ts'
import { openCore } from './openCore.ts'
import { switchToLog } from './switchToLog.ts'

/**
 * Asks the user again for access to the folder that `mirror` named, and goes on with the mirror; `true` if it may be written.
 * @example
 * ```ts
 * button.onclick = () => resumeMirror(engine)
 * ```
 *
 * Call it in a user's gesture: browsers forget such a permission when the last tab is closed. If the log is still empty, because
 * the folder could not be read when the engine opened, it is restored from the folder. In memory, it resolves to `false`.
 */
export async function resumeMirror(engine: Engine<any, any, any>): Promise<boolean> {
  const core = openCore(engine)
  const { database } = core
  if (!database) return false
  const place = await mirrorPlaceOf(database)
  try {
    await openPlace(place, 'ask')
  } catch {
    return false
  }
  if (!core.tip) {
    const { sequence, reason } = await restoreFromMirror(database, place, false)
    if (reason) {
      core.error = new StorageError('lost', reason)
      core.changed(false)
    }
    if (sequence && database.log) {
      await switchToLog(core, database.log, sequence)
      const { restored } = database.log
      if (restored) core.copy = { ...core.copy, restored }
      core.changed(false)
    }
  }
  await core.host?.resume(place)
  return true
}
