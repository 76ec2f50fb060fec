import { type FormEvent, useState } from 'react'
import { useRead } from 'tidemark/react'
import { secrets } from '../assistant/secrets.ts'
import type { ThreadsEngine } from '../engine.ts'
import { Dialog } from './Dialog.tsx'

const MINUTE_MS = 60_000

export function AssistantDialog({ engine, close }: { readonly engine: ThreadsEngine; readonly close: () => void }) {
  const settings = useRead(engine, (read) => read.settings.value)
  const [kind, setKind] = useState(settings.url === null ? 'built-in' : 'model')
  const [url, setUrl] = useState(settings.url ?? 'http://localhost:11434/v1')
  const [model, setModel] = useState(settings.model)
  const [key, setKey] = useState(secrets.key)
  const [minutes, setMinutes] = useState(String(settings.approvalTime / MINUTE_MS))

  const save = (event: FormEvent): void => {
    event.preventDefault()
    secrets.key = key.trim()
    engine.dispatch.chooseAssistant(
      kind === 'built-in' ? { url: null, model: '' } : { url: url.trim().replace(/\/+$/, ''), model: model.trim() },
    )
    engine.dispatch.setApprovalTime({ milliseconds: Math.round(Number(minutes) * MINUTE_MS) })
    close()
  }
  return (
    <Dialog title="Assistant" close={close}>
      <form onSubmit={save}>
        <fieldset className="choices">
          <legend className="visually-hidden">Who answers</legend>
          <label>
            <input type="radio" name="kind" checked={kind === 'built-in'} onChange={() => setKind('built-in')} /> Built
            in <span className="quiet">plain requests, no network</span>
          </label>
          <label>
            <input type="radio" name="kind" checked={kind === 'model'} onChange={() => setKind('model')} /> A language
            model <span className="quiet">any endpoint with OpenAI's chat completions</span>
          </label>
        </fieldset>
        {kind === 'model' && (
          <>
            <label className="field">
              Address
              <input type="url" required value={url} onChange={(change) => setUrl(change.target.value)} />
            </label>
            <label className="field">
              Model
              <input required value={model} onChange={(change) => setModel(change.target.value)} />
            </label>
            <label className="field">
              Key
              <input
                type="password"
                autoComplete="off"
                value={key}
                onChange={(change) => setKey(change.target.value)}
                aria-describedby="key-note"
              />
            </label>
            <p className="quiet" id="key-note">
              The key stays in the memory of this page. It is not stored, and is gone after a reload. The endpoint has
              to allow requests from this site (CORS). It receives the thread and the files of its project.
            </p>
          </>
        )}
        <label className="field">
          Minutes to wait for an approval
          <input
            type="number"
            required
            min={0.05}
            max={10_080}
            step="any"
            value={minutes}
            onChange={(change) => setMinutes(change.target.value)}
          />
        </label>
        <p className="dialog-ways">
          <button type="submit" className="button button-main">
            Save
          </button>
        </p>
      </form>
    </Dialog>
  )
}
