/**
 * Asks the browser to keep this origin's storage until the user deletes it; `true` when it will.
 * @example
 * button.onclick = () => persist()
 *
 * Best called when the user has just done something: browsers decide by how much a site is used, Firefox asks.
 */
export async function persist(): Promise<boolean> {
  return (await globalThis.navigator?.storage?.persist?.()) ?? false
}
