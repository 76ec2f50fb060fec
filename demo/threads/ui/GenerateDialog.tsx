import { type FormEvent, useEffect, useRef, useState } from 'react'
import { describeError } from '../../ui/describeError.ts'
import { count } from '../../ui/format.ts'
import type { ThreadsEngine } from '../engine.ts'
import { fillWorkspace } from '../history/fillWorkspace.ts'
import { Dialog } from './Dialog.tsx'

const choices = [200, 500, 2000] as const

export function GenerateDialog({ engine, close }: { readonly engine: ThreadsEngine; readonly close: () => void }) {
  const [wanted, setWanted] = useState<number>(500)
  const [done, setDone] = useState<number>()
  const [problem, setProblem] = useState('')
  const leaving = useRef<AbortController>(undefined)
  useEffect(() => () => leaving.current?.abort(), [])

  const generate = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    const controller = new AbortController()
    leaving.current = controller
    setProblem('')
    setDone(0)
    try {
      await fillWorkspace(engine, wanted, { signal: controller.signal, onProgress: setDone })
      close()
    } catch (error) {
      if (controller.signal.aborted) return
      setDone(undefined)
      setProblem(`It stopped: ${describeError(error)}.`)
    }
  }
  return (
    <Dialog title="Fill with threads" close={close}>
      <form onSubmit={generate}>
        <p>
          Adds projects with a history. The assistant answered each request, and the files are its results. Reload
          afterwards to see how long opening takes.
        </p>
        <fieldset className="choices" disabled={done !== undefined}>
          <legend>How many threads?</legend>
          {choices.map((choice) => (
            <label key={choice}>
              <input type="radio" name="wanted" checked={wanted === choice} onChange={() => setWanted(choice)} />{' '}
              {count(choice)} <span className="quiet">about {count(choice * 50)} messages</span>
            </label>
          ))}
        </fieldset>
        <p className="dialog-progress" role="status">
          {done !== undefined && (
            <>
              <progress value={done} max={wanted} aria-label="Threads in the log" /> {count(done)} of {count(wanted)}
            </>
          )}
          {problem}
        </p>
        <p className="dialog-ways">
          {done === undefined && (
            <button type="submit" className="button button-main">
              Fill
            </button>
          )}
          <button type="button" className="button" onClick={close}>
            {done === undefined ? 'Cancel' : 'Stop here'}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
