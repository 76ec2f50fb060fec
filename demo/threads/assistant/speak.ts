/** Milliseconds between two pieces, and the number of pieces of a text. A text takes half a second, so a person can read it as it appears, and stop it. */
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
