import { storageChanged } from '../persistence.ts'

/**
 * Asks the browser to keep this origin's storage until the user deletes it; `true` if it will. Engines that are open show the
 * answer in `status.storage`.
 * @example
 * ```ts
 * button.onclick = () => persist()
 * ```
 *
 * Best called in a user's gesture: Firefox asks the user, and other browsers decide by how much the site is used. `false`
 * if the browser refuses, or has no such method.
 */
export async function persist(): Promise<boolean> {
  const persistent = await Promise.resolve(globalThis.navigator?.storage?.persist?.()).catch(() => false)
  storageChanged.tell()
  return persistent ?? false
}
