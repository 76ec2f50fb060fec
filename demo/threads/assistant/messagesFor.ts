import { numberOf, threadOf } from '../model/ids.ts'
import { filesOf, type ThreadsRead } from '../model/threadsApp.ts'
import { INSTRUCTIONS } from './blocks.ts'
import type { Message } from './complete.ts'

/** The most characters of files and earlier turns that a model is given. */
const FILES_CHARACTERS = 60_000
/** The most turns of the thread that a model is given. */
const TURNS = 20

/** The messages of a turn to a model: the rules, the files, the earlier turns and the request. */
export function messagesFor(
  read: ThreadsRead,
  { id, projectId, prompt }: { readonly id: string; readonly projectId: string; readonly prompt: string },
): Message[] {
  const before = read.turns
    .by('threadId', threadOf(id))
    .filter((turn) => numberOf(turn.id) < numberOf(id))
    .slice(-TURNS)
  return [
    { role: 'system', content: `${INSTRUCTIONS}\n\n${describeFiles(read, projectId)}` },
    ...before.flatMap((turn): Message[] => [
      { role: 'user', content: turn.prompt },
      ...(turn.text ? [{ role: 'assistant' as const, content: turn.text }] : []),
    ]),
    { role: 'user', content: prompt },
  ]
}

function describeFiles(read: ThreadsRead, projectId: string): string {
  const files = filesOf(read, projectId)
  if (files.size === 0) return 'The project has no files yet.'
  let charactersLeft = FILES_CHARACTERS
  const described = [...files].map(([path, text]) => {
    if (text.length > charactersLeft) return `${path} (${text.length} characters, left out here)`
    charactersLeft -= text.length
    return `${path}\n"""\n${text}"""`
  })
  return `The files:\n\n${described.join('\n\n')}`
}
