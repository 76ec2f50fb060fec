/** Milliseconds between two pieces, and pieces of one text. A text takes half a second, so it can be read along and stopped. */
const PAUSE_MS = 20
const PIECES = 24

/** Yields a text piece by piece. */
export async function* speak(text: string, signal: AbortSignal): AsyncGenerator<string> {
  const words = text.match(/\s*\S+\s*/g) ?? []
  const size = Math.max(1, Math.ceil(words.length / PIECES))
  for (let at = 0; at < words.length; at += size) {
    signal.throwIfAborted()
    yield words.slice(at, at + size).join('')
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  signal.throwIfAborted()
}
