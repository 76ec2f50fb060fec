import { nextId } from '../ids.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { LocalCommand, RejectedCommand } from '../log/local.ts'
import { readAfter } from '../log/read.ts'
import { toWire } from '../log/wire.ts'
import { stringify } from '../model/json.ts'
import { RemoteError } from '../remote.ts'
import { storedOf } from './decideAgain.ts'
import { limited } from './limited.ts'
import { packMessage } from './message.ts'
import { commandsIn } from './plan.ts'
import type { Following } from './readOn.ts'
import type { OutboxState } from './store.ts'
import { takeCommits } from './take.ts'

/** The most commands, and characters of their JSON, that one push takes from the outbox. A single command may be larger. */
const PUSH_COMMANDS = 1000
const PUSH_CHARACTERS = 262_144
/** The most characters of commits in one message of an upload. A single commit may be larger. */
const UPLOAD_CHARACTERS = 262_144

/** `nothing` means that there was nothing to send, `early` that it is not this device's turn. After any other outcome, the remote has to be read. */
type SendOutcome = 'nothing' | 'early' | 'appended' | 'refused' | 'too large'

/** Sends one message that the remote lacks: first commits of this log, then the outbox. */
export async function send(following: Following, known: OutboxState): Promise<SendOutcome> {
  const { marker, position } = known
  // Rule 4: a command is sent only if it was decided on everything that the remote has.
  if (position.head > marker.base) return 'nothing'
  if (position.head < marker.base) return appendAtRemote(following, known, await missing(following, known))
  const commands = commandsIn(known)
  if (!commands.length || commands[0]?.events.length === 0) return 'nothing'
  if (following.pace.waitMs()) return 'early'
  for (let group = firstOf(commands); ; group = group.slice(0, Math.ceil(group.length / 2))) {
    const count = group.length === commands.length ? group.length : 1
    const sent = await appendAtRemote(following, known, [commitOf(group, marker.base)], count)
    if (sent !== 'too large') return sent
    if (group.length > 1) continue
    await refuse(following, known, group[0]!)
    return sent
  }
}

/** Appends a message. After any answer, the next read shows whether the message is in the log. */
async function appendAtRemote(
  { remote, pace, signal }: Following,
  { position, log }: OutboxState,
  records: readonly CommitRecord[],
  commands?: number,
): Promise<Exclude<SendOutcome, 'nothing' | 'early'>> {
  const message = await packMessage(records, { after: position.last, lineage: log.lineage })
  if (message.length > remote.limits.bytes && records.length === 1) return 'too large'
  const id = records.at(-1)?.id ?? ''
  const call = limited(signal)
  try {
    pace.appends(id, commands)
    return await remote.append(message, { after: position.position, id, signal: call.signal })
  } catch (error) {
    if (error instanceof RemoteError && error.kind === 'too-large') return 'too large'
    throw error
  } finally {
    call.end()
  }
}

/** Rejects a command that is too large for the remote, so that the other commands can be sent. */
async function refuse(following: Following, { marker }: OutboxState, { id }: LocalCommand): Promise<void> {
  const error = toWire(new RemoteError('too-large'))
  const tooLarge = (commands: readonly LocalCommand[]): RejectedCommand | undefined => {
    const command = commands.find((one) => one.id === id)
    return command && { ...command, error, sequence: marker.base }
  }
  await takeCommits(following, [], { refuse: tooLarge })
}

/** The first commands of the outbox, up to a command that has to be decided again before it is sent. */
function firstOf(commands: readonly LocalCommand[]): LocalCommand[] {
  const group: LocalCommand[] = []
  let characters = 0
  for (const command of commands) {
    characters += stringify(command.events).length
    const isFull = group.length === PUSH_COMMANDS || (group.length && characters > PUSH_CHARACTERS)
    if (isFull || !command.events.length) break
    group.push(command)
  }
  return group
}

function commitOf(group: readonly LocalCommand[], base: number): CommitRecord {
  const events = group.reduce((count, command) => count + command.events.length, 0)
  return { id: nextId(), first: base + 1, last: base + events, body: stringify(group.map(storedOf)) }
}

/** The first commits of this log that the remote lacks. */
async function missing({ database, signal }: Following, { position, marker }: OutboxState): Promise<CommitRecord[]> {
  const records: CommitRecord[] = []
  let characters = 0
  for await (const some of readAfter(database, position.head, signal)) {
    for (const record of some) {
      characters += record.body.length
      const isFull = records.length > 0 && characters > UPLOAD_CHARACTERS
      if (isFull || record.last > marker.base) return records
      records.push(record)
    }
  }
  return records
}
