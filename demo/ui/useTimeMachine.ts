import { startTransition, useEffect, useRef, useState } from 'react'
import type { Engine, Progress } from 'tidemark'
import { at, type Past } from 'tidemark/tools'

type PastOf<E> = E extends Engine<infer Events, infer P, any> ? Past<Events, P> : never

/** The point in the log that the view shows. */
export type Moment<E> = Pick<PastOf<E>, 'sequence' | 'read' | 'event' | 'changes'>

export interface TimeMachine<E> {
  readonly state: 'closed' | 'opening' | 'open'
  readonly moment: Moment<E> | undefined
  /** The event that the view moves to. */
  readonly target: number
  /** Set while a move takes long enough to notice. */
  readonly progress: Progress | undefined
  readonly error: Error | undefined
  open(): void
  move(sequence: number): void
  close(): void
}

/** A view of the past that follows a slider. It moves to the last requested event. */
export function useTimeMachine<E extends Engine<any, any, any>>(engine: E): TimeMachine<E> {
  const [state, setState] = useState<'closed' | 'opening' | 'open'>('closed')
  const [moment, setMoment] = useState<Moment<E>>()
  const [target, setTarget] = useState(0)
  const [progress, setProgress] = useState<Progress>()
  const [error, setError] = useState<Error>()
  const past = useRef<PastOf<E>>(undefined)
  const leaving = useRef<AbortController>(undefined)
  const asked = useRef(0)
  useEffect(() => () => leaving.current?.abort(), [])

  const arrive = ({ sequence, read, event, changes }: PastOf<E>): void => {
    setProgress(undefined)
    // The slider moves at once. The view may render a frame later, and in slices.
    startTransition(() => setMoment({ sequence, read, event, changes } as Moment<E>))
  }

  const close = (): void => {
    leaving.current?.abort()
    past.current = undefined
    setState('closed')
    setMoment(undefined)
    setProgress(undefined)
  }

  const open = async (): Promise<void> => {
    const controller = new AbortController()
    const { signal } = controller
    const { sequence } = engine.status
    leaving.current = controller
    setState('opening')
    setError(undefined)
    setTarget(sequence)
    try {
      const opened = (await at(engine, sequence, {
        signal,
        onProgress: (progress) => signal.aborted || setProgress(progress),
      })) as PastOf<E>
      if (signal.aborted) return
      past.current = opened
      setState('open')
      arrive(opened)
    } catch (failure) {
      if (signal.aborted) return
      close()
      setError(failure as Error)
    }
  }

  const move = async (sequence: number): Promise<void> => {
    setTarget(sequence)
    const view = past.current
    if (!view) return
    asked.current++
    const mine = asked.current
    // A slider makes many requests. Earlier requests resolve together with the last one, and only the last one is shown.
    const isLast = (): boolean => past.current === view && asked.current === mine
    try {
      await view.move(sequence)
      if (!isLast()) return
      setError(undefined)
      arrive(view)
    } catch (failure) {
      if (isLast()) setError(failure as Error)
    }
  }

  return { state, moment, target, progress, error, open, move, close }
}
