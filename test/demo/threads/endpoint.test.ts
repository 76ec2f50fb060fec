import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stepsIn } from '../../../demo/threads/assistant/blocks.ts'
import { complete, EndpointError } from '../../../demo/threads/assistant/complete.ts'

describe('an endpoint', () => {
  let answer: (response: ServerResponse, headers: Record<string, unknown>) => void
  const server = createServer((request, response) =>
    request.resume().on('end', () => answer(response, request.headers)),
  )
  let url: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  })
  afterAll(() => server.close())

  const part = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
  const ask = async (signal = new AbortController().signal) => {
    const parts: string[] = []
    for await (const one of complete({ url, model: 'm', key: 'k', messages: [], signal, idempotencyKey: 'turn-1' }))
      parts.push(one)
    return parts
  }
  const refusal = () =>
    ask().then(
      () => undefined,
      (error: unknown) => error as EndpointError,
    )

  it('streams its answer, wherever the network splits the bytes, and receives the key and the idempotency key', async () => {
    let headers: Record<string, unknown> = {}
    answer = (response, given) => {
      headers = given
      const bytes = Buffer.from(`: hello\n\n${part('Grüße ')}${part('🌊')}data: [DONE]\n\n`)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of bytes) response.write(Buffer.of(byte))
      response.end()
    }
    expect(await ask()).toEqual(['Grüße ', '🌊'])
    expect(headers).toMatchObject({ authorization: 'Bearer k', 'idempotency-key': 'turn-1' })
  })

  it.each([
    [429, false],
    [500, false],
    [503, false],
    [400, true],
    [401, true],
    [404, true],
  ])('that answers %i gives an error with the answer; final: %s', async (status, final) => {
    answer = (response) => response.writeHead(status).end(JSON.stringify({ error: { message: 'Not so fast' } }))
    const error = await refusal()
    expect(error).toBeInstanceOf(EndpointError)
    expect(error).toMatchObject({ final, message: expect.stringContaining(`answered ${status}: Not so fast`) })
  })

  it('gives an error if its answer is incomplete', async () => {
    answer = (response) => response.writeHead(200).end(part('half'))
    expect(await refusal()).toMatchObject({ message: expect.stringContaining('cut in the middle'), final: false })
    answer = (response) => {
      response.writeHead(200)
      response.write(part('half'), () => response.destroy())
    }
    expect(await refusal()).toMatchObject({ message: expect.stringContaining('connection was cut'), final: false })
  })

  it('is cancelled when the turn is stopped', async () => {
    const stop = new AbortController()
    const closed = new Promise<void>((resolve) => {
      answer = (response) => {
        response.on('close', resolve)
        response.writeHead(200)
        response.write(part('half'), () => stop.abort(new Error('stopped')))
      }
    })
    await expect(ask(stop.signal)).rejects.toThrow('stopped')
    await closed
  })
})

it('a model changes files through blocks in its answer', () => {
  const answer = [
    'I do this:',
    '```write notes/plan.md',
    '# Plan',
    '',
    'then rename a.md to b.md',
    '```',
    'and',
    '```do',
    'rename a.md to b.md',
    'delete c.md',
    '```',
    '```js',
    'write x.md',
    '```',
    '```write ../secret',
    'x',
    '```',
  ].join('\n')
  expect(stepsIn(answer)).toEqual([
    { kind: 'write', path: 'notes/plan.md', text: '# Plan\n\nthen rename a.md to b.md\n' },
    { kind: 'rename', from: 'a.md', to: 'b.md' },
    { kind: 'delete', path: 'c.md' },
    { kind: 'unknown', text: 'write ../secret', reason: expect.stringContaining('../secret') },
  ])
})
