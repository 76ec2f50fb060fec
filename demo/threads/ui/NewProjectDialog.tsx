import { type FormEvent, useState } from 'react'
import type { ThreadsEngine } from '../engine.ts'
import { Dialog } from './Dialog.tsx'
import { go, toProject } from './useRoute.ts'

export function NewProjectDialog({ engine, close }: { readonly engine: ThreadsEngine; readonly close: () => void }) {
  const [name, setName] = useState('')
  const create = (event: FormEvent): void => {
    event.preventDefault()
    if (!name.trim()) return
    const id = crypto.randomUUID()
    engine.dispatch.createProject({ id, name })
    close()
    go(toProject(id))
  }
  return (
    <Dialog title="New project" close={close}>
      <form onSubmit={create}>
        <label className="field">
          Name
          <input value={name} onChange={(change) => setName(change.target.value)} maxLength={60} required />
        </label>
        <p className="dialog-ways">
          <button type="submit" className="button button-main">
            Create
          </button>
        </p>
      </form>
    </Dialog>
  )
}
