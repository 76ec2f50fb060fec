/** Milliseconds without a byte after which the endpoint counts as lost. */
const SILENCE_MS = 60_000
/** Characters of an endpoint's error that are shown. */
const SHOWN = 200

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}
export interface Request {
  /** The address of the API, without `/chat/completions`. */
  readonly url: string
  readonly model: string
  readonly key: string
  readonly messages: readonly Message[]
  readonly signal: AbortSignal
  /** A key that is the same for each attempt of a turn. */
  readonly idempotencyKey: string
}

/** An endpoint answered with an error. `final`: trying again would not help. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError'
  readonly final: boolean
  constructor(message: string, final = false) {
    super(message)
    this.final = final
  }
}

/** Calls an endpoint with OpenAI's streaming chat completions, and yields the text as it arrives. */
export async function* complete(request: Request): AsyncGenerator<string> {
  const silence = new AbortController()
  const signal = AbortSignal.any([request.signal, silence.signal])
  const hear = (): ReturnType<typeof setTimeout> =>
    setTimeout(
      () => silence.abort(new EndpointError(`The endpoint has sent nothing for ${SILENCE_MS / 1000} s.`)),
      SILENCE_MS,
    )
  let timer = hear()
  try {
    const response = await ask(request, signal)
    let isWhole = false
    for await (const data of eventsOf(response.body!, () => {
      clearTimeout(timer)
      timer = hear()
    })) {
      if (data === '[DONE]') {
        isWhole = true
        break
      }
      const [choice] = parseChunk(data)
      if (choice?.delta?.content) yield choice.delta.content
      if (choice?.finish_reason) isWhole = true
    }
    if (!isWhole) throw new EndpointError('The connection was cut in the middle of the answer.')
  } catch (error) {
    request.signal.throwIfAborted()
    silence.signal.throwIfAborted()
    throw error instanceof TypeError
      ? new EndpointError(`The endpoint ${request.url} can't be reached, or the connection was cut.`)
      : error
  } finally {
    clearTimeout(timer)
  }
}

async function ask({ url, model, key, messages, idempotencyKey }: Request, signal: AbortSignal): Promise<Response> {
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      ...(key && { authorization: `Bearer ${key}` }),
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify({ model, messages, stream: true }),
  })
  if (response.ok && response.body) return response
  const { status } = response
  const said = (await response.text()).slice(0, SHOWN)
  // These errors are temporary: too many requests, a timeout, and errors of the server.
  const final = status < 500 && status !== 429 && status !== 408
  const hint = status === 401 || status === 403 ? ' Give its key under “Assistant”.' : ''
  throw new EndpointError(`The endpoint answered ${status}${said ? `: ${messageIn(said)}` : ''}.${hint}`, final)
}

function messageIn(body: string): string {
  try {
    return JSON.parse(body).error.message
  } catch {
    return body
  }
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly error?: { readonly message?: string }
}
function parseChunk(data: string): NonNullable<Chunk['choices']> {
  let chunk: Chunk
  try {
    chunk = JSON.parse(data)
  } catch {
    throw new EndpointError('The endpoint sent a line that is not JSON.')
  }
  if (chunk.error) throw new EndpointError(`The endpoint stopped: ${chunk.error.message ?? 'it did not say why'}.`)
  return chunk.choices ?? []
}

/** The `data` lines of an event stream. */
async function* eventsOf(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      const lines = (rest + value).split(/\r?\n/)
      rest = lines.pop()!
      for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim()
    }
  } finally {
    // Also ends the request if the caller stops reading.
    reader.cancel().catch(() => {})
  }
}
