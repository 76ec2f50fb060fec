let drawn: string[] = []

/**
 * 22 letters and digits, 131 random bits. `crypto.randomUUID` is missing in pages that are not secure. Ids are drawn in blocks,
 * because a thousand commands in one tick need two thousand.
 */
export function randomId(): string {
  // Takes runs of 22 characters without + and /.
  if (!drawn[0]) drawn = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(4095)))).match(/[^+/]{22}/g)!
  return drawn.pop()!
}

let page = ''
let idCount = 0

/** An id that is unique but not secret, for every command in the log. Ids of one page differ only at their end, so they compress to a byte or two. */
export function nextId(): string {
  page ||= randomId()
  return page + idCount++
}
