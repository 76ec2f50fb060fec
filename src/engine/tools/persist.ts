import { storageChanged } from '../persistence.ts'

/**
 * Asks the browser to keep this origin's storage until the user deletes it; `true` if it will. Engines that are open show the
 * answer in `status.storage`.
 * @example
 * ```ts
 * button.onclick = () => persist()
 * ```
 *
 * Best called when the user has just done something: browsers decide by how much a site is used, Firefox asks the user. `false`
 * if the browser refuses, or can't be asked.
 */
export async function persist(): Promise<boolean> {
  const persistent = await Promise.resolve(globalThis.navigator?.storage?.persist?.()).catch(() => false)
  storageChanged.tell()
  return persistent ?? false
}
