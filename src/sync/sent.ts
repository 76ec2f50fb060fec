import type { Database } from '../log/database.ts'
import type { LocalCommand, SentCommands } from '../log/local.ts'
import { stringify } from '../model/json.ts'

/** The most milliseconds for which own commands are kept after they are in the log, and their most characters. */
const SENT_MS = 30 * 24 * 60 * 60 * 1000
const SENT_CHARACTERS = 10_000_000
/** The most entries that a take deletes. A take rarely adds more than one entry. */
const MOST_FORGOTTEN = 8

/** The record of this device's commands that are in the log. */
export interface KnownSent {
  /** The first entries. */
  readonly oldest: readonly { readonly first: number; readonly at: number; readonly from: number }[]
  /** The characters of all entries so far, including deleted entries. */
  readonly total: number
}

/** Own commands of one commit, under its first sequence. */
export type Sent = readonly [first: number, SentCommands]

/** Stands in for the record in a take without own commands, which does not read the record. */
export const NONE_SENT: KnownSent = { oldest: [], total: 0 }

export async function readSent({ transact }: Database): Promise<KnownSent> {
  const { keys, values, newest } = await transact(['sent'], 'readonly', (store) => ({
    keys: store('sent').getAllKeys(null, MOST_FORGOTTEN),
    values: store('sent').getAll(null, MOST_FORGOTTEN),
    newest: store('sent').openCursor(null, 'prev'),
  }))
  return {
    oldest: values.result.map(({ at, body, total }, i) => ({
      first: Number(keys.result[i]),
      at,
      from: total - body.length,
    })),
    total: newest.result?.value.total ?? 0,
  }
}

/** The record after a take has written these entries and deleted the entries up to `forget`. undefined if the record has to be read again. */
export function sentAfter({ oldest, total }: KnownSent, sent: readonly Sent[], forget: number): KnownSent | undefined {
  if (forget) return
  const added = sent.map(([first, { at, body, total: upTo }]) => ({ first, at, from: upTo - body.length }))
  return { oldest: [...oldest, ...added].slice(0, MOST_FORGOTTEN), total: sent.at(-1)?.[1].total ?? total }
}

/** Returns the new entries for the given commands, and the key up to which older entries are deleted (0: none). */
export function keepSent(
  { oldest, total: before }: KnownSent,
  own: readonly (readonly [first: number, readonly LocalCommand[]])[],
  now: number = Date.now(),
): { readonly sent: readonly Sent[]; readonly forget: number } {
  let total = before
  const sent = own.map(([first, commands]): Sent => {
    const body = stringify(commands)
    total += body.length
    return [first, { at: now, body, total }]
  })
  let forget = 0
  for (const { first, at, from } of oldest) {
    if (at > now - SENT_MS && total - from <= SENT_CHARACTERS) break
    forget = first
  }
  return { sent, forget }
}
