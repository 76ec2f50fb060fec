import { type Model, openEngine } from 'tidemark'
import { type ReactionDefinition, reaction } from 'tidemark/reactions'
import { expect } from 'vitest'
import { runReactionsOf } from '../../src/engine/reactions.ts'
import { lockName } from '../../src/locks.ts'
import { atEnd } from '../engine/kit.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { createPipeline, type Pipeline } from '../projections/rooms.ts'
import { type Chat, chatApp } from './chat.ts'

/** The handlers of a reaction to a requested turn. */
export type Definition =
  Chat extends Model<infer E, infer P, infer C, infer D>
    ? ReactionDefinition<E, P, C, D, 'turnRequested' & keyof E>
    : never

/** A tab that runs no reactions. */
export async function chatTab(name: string) {
  const engine = await openEngine(chatApp(), { name })
  atEnd(() => engine.close())
  return engine
}

/** The calls of a provider, by key. `answer` answers a call that hangs. */
export function createProvider() {
  const calls: {
    key: string
    id: string
    signal: AbortSignal
    answer(text: string): void
    fail(error: unknown): void
  }[] = []
  return {
    calls,
    ask: (key: string, id: string, signal: AbortSignal): Promise<string> =>
      new Promise((resolve, reject) => {
        calls.push({ key, id, signal, answer: resolve, fail: reject })
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    /** Resolves with the nth call once it was made. */
    async call(n: number) {
      await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThan(n)
      return calls[n] as (typeof calls)[number]
    },
  }
}

/** A worker or page that runs reactions. To close it simulates its death. */
export async function runner(
  name: string,
  definitions: Readonly<Record<string, Partial<Definition>>>,
  { booted = 0, pages = [] as MessagePort[], model = chatApp() } = {},
): Promise<Pipeline> {
  const pipeline = await createPipeline(model as unknown as AnyModel, name)
  atEnd(() => pipeline.close())
  const made = Object.entries(definitions).map(([key, definition]) => [
    key,
    reaction(model, {
      on: ['turnRequested'],
      from: 'now',
      lane: ({ data }) => data.thread,
      retry: { delay: 1 },
      run() {},
      ...definition,
    } as Definition),
  ])
  runReactionsOf(Object.fromEntries(made), { beside: pipeline.shop, booted, pages, stay() {} })
  return pipeline
}

/** Reads the stored open events. */
export const openOf = async (name: string): Promise<any[]> =>
  (await dump(name, 'reactions')).flatMap(({ value }) => ('event' in value ? value : []))

export const positionsOf = async (name: string): Promise<Record<string, any>> =>
  Object.fromEntries(
    (await dump(name, 'reactions')).flatMap(({ key, value }) => ('scanned' in value ? [[key[0], value]] : [])),
  )

/** Steals the lock of the holder, as a tab does that gets no answer. */
export const steal = (name: string): Promise<unknown> =>
  navigator.locks.request(lockName('engine', name), { steal: true }, () => {})

/** Waits until only dead letters are open. */
export const allSettled = (name: string): Promise<void> =>
  expect.poll(async () => (await openOf(name)).filter(({ dead }) => !dead).length, { timeout: 20_000 }).toBe(0)
