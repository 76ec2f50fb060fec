import { useEffect, useMemo, useRef, useState } from 'react'
import { useRead } from 'tidemark/react'
import { openTable } from 'tidemark/tools'
import type { ThreadsEngine } from '../engine.ts'
import { numberOf } from '../model/ids.ts'
import type { Thread } from '../model/threads.ts'
import type { Turn } from '../model/turns.ts'

type Known = ReadonlyMap<string, Readonly<Turn>>
const nothing: Known = new Map()

export interface TranscriptOfThread {
  readonly turns: readonly Readonly<Turn>[]
  readonly state: 'loading' | 'ready' | 'failed'
  readonly error?: unknown
}

/** All turns of a thread: from memory, and also from disk if the thread was closed once. */
export function useTranscript(engine: ThreadsEngine, thread: Readonly<Thread>): TranscriptOfThread {
  const { id, onDisk } = thread
  const resident = useRead(engine, (read) => read.turns.by('threadId', id))
  const [read, setRead] = useState<{ readonly turns: Known; readonly error?: unknown }>()
  /** Every turn that was shown. Turns stay visible when the thread is closed, which removes their rows from memory. */
  const known = useRef(nothing)

  useEffect(() => {
    if (!onDisk) return
    let current = true
    readTurns(engine, id).then(
      (turns) => current && setRead({ turns }),
      (error) => current && setRead({ turns: nothing, error }),
    )
    return () => {
      current = false
    }
  }, [engine, id, onDisk])

  return useMemo(() => {
    known.current = new Map([
      ...(read?.turns ?? nothing),
      ...known.current,
      ...resident.map((turn): [string, Readonly<Turn>] => [turn.id, turn]),
    ])
    const turns = [...known.current.values()].toSorted((a, b) => numberOf(a.id) - numberOf(b.id))
    if (read?.error !== undefined) return { turns, state: 'failed', error: read.error }
    return { turns, state: onDisk && !read ? 'loading' : 'ready' }
  }, [read, resident, onDisk])
}

async function readTurns(engine: ThreadsEngine, threadId: string): Promise<Known> {
  const table = await openTable(engine, 'transcripts')
  const rows = await table.where('threadId').equals(threadId).toArray()
  return new Map(rows.flatMap(({ turns }) => turns).map((turn) => [turn.id, turn]))
}
