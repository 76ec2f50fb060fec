import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstream } from '@nats-io/jetstream'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { nextId } from '../../../src/ids.ts'
import type { CommitRecord } from '../../../src/log/commit.ts'
import { packMessage } from '../../../src/sync/message.ts'
import { type NatsServer, pause } from '../../remote/nats/server.ts'

/** One figure that a piece measured, and its goal. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly goal: string
  readonly holds: boolean
  readonly note?: string
  readonly command?: string
  readonly date?: string
  /** The load average of the machine when the piece started. */
  readonly load?: number
}
export interface Measuring {
  readonly server: NatsServer
  /** Makes the stream of a log. */
  readonly stream: (log: string) => Promise<void>
  readonly address: string
  /** A folder that is removed after the piece. */
  readonly temporary: string
  readonly rounds: number
}

const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
const median = (values: readonly number[]): number => quantile(values, 0.5)
const rounded = (value: number): number => Number(value.toPrecision(3))
const atMost = (name: string, value: number, unit: string, goal: number, note = ''): Figure => ({
  ...{ name, value: rounded(value), unit, goal: `≤ ${goal} ${unit}`, holds: value <= goal, note },
})
const atLeast = (name: string, value: number, unit: string, goal: number, note = ''): Figure => ({
  ...{ name, value: rounded(value), unit, goal: `≥ ${goal} ${unit}`, holds: value >= goal, note },
})

interface Device {
  readonly context: BrowserContext
  readonly page: Page
  call<T>(name: string, ...args: unknown[]): Promise<T>
}

async function device({ temporary, address }: Measuring, name: string): Promise<Device> {
  const context = await chromium.launchPersistentContext(join(temporary, name), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-timer-throttling', '--disable-renderer-backgrounding'],
  })
  const page = await context.newPage()
  await page.goto(address)
  await page.waitForFunction('globalThis.figures')
  const call = <T>(name: string, ...args: unknown[]): Promise<T> =>
    page.evaluate(`figures[${JSON.stringify(name)}](...${JSON.stringify(args)})`) as Promise<T>
  return { context, page, call }
}

/** Dispatches with and without a remote, in turns, so that the state of the machine affects both alike. */
async function dispatch(given: Measuring): Promise<Figure[]> {
  await given.stream('with')
  const one = await device(given, 'one')
  await one.call('open', 'with', given.server.url)
  await one.call('open', 'without')
  for (const log of ['with', 'without']) await one.call('writes', log, 50)
  const ratios: number[] = []
  for (let round = 0; round < given.rounds * 6; round++) {
    const turns = round % 2 ? ['with', 'without'] : ['without', 'with']
    const ms: Record<string, number> = {}
    for (const log of turns) ms[log] = median(await one.call<number[]>('writes', log, 25))
    ratios.push((ms.with as number) / (ms.without as number))
  }
  await one.context.close()
  return [atMost('dispatch, with a remote against without', median(ratios), '×', 1.1, `${ratios.length} pairs of 25`)]
}

/** Boots with 0, 1,000 and 10,000 commands that the remote has not ordered, each boot in a new page. */
async function boot(given: Measuring): Promise<Figure[]> {
  const one = await device(given, 'one')
  // No server listens at this address.
  const nowhere = 'ws://127.0.0.1:9'
  const counts = { none: 0, thousand: 1000, many: 10_000 }
  for (const [log, count] of Object.entries(counts)) {
    await one.call('open', log, nowhere)
    await one.call('fill', log, 0)
    await one.call('burst', log, count)
    for (let tries = 0; (await one.call<number>('records', log)) > 64 && tries < 300; tries++) await pause(200)
  }
  const took: Record<string, number[]> = { none: [], thousand: [], many: [] }
  for (let round = 0; round < given.rounds; round++)
    for (const log of Object.keys(counts)) {
      await one.page.goto(given.address)
      await one.page.waitForFunction('globalThis.figures')
      took[log]?.push(await one.call<number>('open', log, nowhere))
    }
  await one.context.close()
  const slower = (log: string): number => median(took[log] as number[]) - median(took.none as number[])
  const note = `median of ${given.rounds} boots; with nothing pending ${rounded(median(took.none as number[]))} ms`
  return [
    atMost('boot with 1,000 pending, more than with none', slower('thousand'), 'ms', 10, note),
    atMost('boot with 10,000 pending, packed, more than with none', slower('many'), 'ms', 130, note),
  ]
}

const delays = (sent: readonly [number, number][], seen: readonly [number, number][]): number[] => {
  const at = new Map(seen)
  return sent.flatMap(([n, from]) => {
    const to = at.get(n)
    return to === undefined ? [] : [to - from]
  })
}

async function twoDevices(given: Measuring): Promise<readonly [Device, Device]> {
  await given.stream('shared')
  const [a, b] = [await device(given, 'a'), await device(given, 'b')]
  for (const one of [a, b]) {
    await one.call('open', 'shared', given.server.url)
    await one.page.waitForFunction("figures.status('shared').sync?.state === 'online'", undefined, { timeout: 60_000 })
  }
  return [a, b]
}

async function latency(given: Measuring): Promise<Figure[]> {
  const [a, b] = await twoDevices(given)
  await a.call('send', 'shared', 'warm', 20, 50)
  await b.call('watch', 'shared', 'x')
  const sent = await a.call<[number, number][]>('send', 'shared', 'x', 200, 100)
  await pause(1000)
  const found = delays(sent, await b.call('seen'))
  await Promise.all([a.context.close(), b.context.close()])
  const note = `${found.length} of ${sent.length} seen by themselves, one each 100 ms`
  return [
    atMost('device to device, one writes, median', median(found), 'ms', 25, note),
    atMost('device to device, one writes, 95th percentile', quantile(found, 0.95), 'ms', 60, note),
  ]
}

async function both(given: Measuring): Promise<Figure[]> {
  const [a, b] = await twoDevices(given)
  await a.call('watch', 'shared', 'of b')
  await b.call('watch', 'shared', 'of a')
  const [fromA, fromB] = await Promise.all([
    a.call<[number, number][]>('send', 'shared', 'of a', 150, 200),
    b.call<[number, number][]>('send', 'shared', 'of b', 150, 200),
  ])
  await pause(5000)
  // Of writes that arrive together, the other device sees only the last. So a number has arrived when a later one is seen.
  const arrived = (sent: readonly [number, number][], seen: readonly [number, number][]): number[] =>
    sent.flatMap(([n, from]) => {
      const next = seen.filter(([other]) => other >= n).map(([, at]) => at)
      return next.length ? [Math.min(...next) - from] : []
    })
  const found = [...arrived(fromA, await b.call('seen')), ...arrived(fromB, await a.call('seen'))]
  await Promise.all([a.context.close(), b.context.close()])
  const note = `${found.length} of 300 arrived, each device writes every 200 ms for 30 s`
  return [atMost('device to device, two write, 95th percentile', quantile(found, 0.95), 'ms', 2500, note)]
}

/** Fills a stream with the messages of a log, each with `each` events. */
async function fillStream(given: Measuring, log: string, events: number, each: number): Promise<void> {
  await given.stream(log)
  const nc = await given.server.connect('', '')
  const js = jetstream(nc)
  const lineage = nextId()
  let after = ''
  let waiting: Promise<unknown>[] = []
  for (let from = 0; from < events; from += each) {
    const commands = Array.from({ length: each }, (_, i) => ({
      id: nextId(),
      at: 1_700_000_000_000 + from + i,
      events: [{ type: 'put', data: { id: `row ${(from + i) % 1000}`, n: from + i } }],
    }))
    const record: CommitRecord = { id: nextId(), first: from + 1, last: from + each, body: JSON.stringify(commands) }
    waiting.push(js.publish(`tm_${log}`, await packMessage([record], { after, lineage })))
    after = record.id
    if (waiting.length < 200) continue
    await Promise.all(waiting)
    waiting = []
  }
  await Promise.all(waiting)
  await nc.close()
}

async function catchUp(given: Measuring): Promise<Figure[]> {
  const cases = [
    { name: 'packed', events: 100_000, each: 100, goal: 25_000 },
    { name: 'single', events: 20_000, each: 1, goal: 6_000 },
  ] as const
  const figures: Figure[] = []
  for (const { name, events, each, goal } of cases) {
    await fillStream(given, name, events, each)
    const speeds: number[] = []
    for (let round = 0; round < Math.min(3, given.rounds); round++) {
      const one = await device(given, `${name} ${round}`)
      const from = performance.now()
      await one.call('open', name, given.server.url)
      await one.call('until', name, events)
      speeds.push(events / ((performance.now() - from) / 1000))
      if ((await one.call('rows', name)) !== 1000) throw new Error('the rows are not those of the log')
      await one.context.close()
    }
    const note = `${events} events, ${each} to a message, from openEngine on; median of ${speeds.length}`
    figures.push(atLeast(`catch-up of a new device, ${name}`, median(speeds), 'events/s', goal, note))
  }
  return figures
}

/** MiB of memory in the largest renderer of the browser with this profile. */
function largestRenderer(profile: string): number {
  let largest = 0
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (!command.includes('--type=renderer') || !command.includes(profile)) continue
      const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
      largest = Math.max(largest, Number(kib) / 1024)
    } catch {
      // The process has ended.
    }
  }
  return largest
}

async function first(given: Measuring): Promise<Figure[]> {
  const events = 1_000_000
  await fillStream(given, 'large', events, 500)
  const one = await device(given, 'large')
  const from = performance.now()
  await one.call('open', 'large', given.server.url)
  const samples: { readonly share: number; readonly mib: number }[] = []
  let progress = 0
  for (;;) {
    const { sequence, sync } = await one.call<{ sequence: number; sync?: { progress?: object } }>('status', 'large')
    if (sync?.progress) progress++
    samples.push({ share: sequence / events, mib: largestRenderer(join(given.temporary, 'large')) })
    if (sequence === events) break
    await pause(250)
  }
  const seconds = (performance.now() - from) / 1000
  await one.context.close()
  const largest = (from: number, to: number): number =>
    Math.max(...samples.filter(({ share }) => share >= from && share <= to).map(({ mib }) => mib))
  const note = `largest renderer ${rounded(largest(0, 0.5))} MiB in the first half, ${rounded(largest(0.5, 1))} in the second; progress in ${progress} of ${samples.length} samples`
  return [
    atMost(
      'first sync of 1 M events, memory of its second half against the first',
      largest(0.5, 1) / largest(0, 0.5),
      '×',
      1.5,
      note,
    ),
    atLeast('first sync of 1 M events', events / seconds, 'events/s', 25_000, `${rounded(seconds)} s`),
  ]
}

export const pieces: Readonly<Record<string, (given: Measuring) => Promise<Figure[]>>> = {
  dispatch,
  boot,
  latency,
  both,
  'catch-up': catchUp,
  first,
}
