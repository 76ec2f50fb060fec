import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { type Engine, type OpenOptions, type Progress, StorageError } from 'tidemark'
import { describeError } from './describeError.ts'
import { offerDevtools } from './devtools.ts'
import { count } from './format.ts'

const phases: Partial<Record<Progress['phase'], string>> = {
  snapshot: 'Reading the snapshot',
  'catch-up': 'Folding the events since the snapshot',
  rebuild: 'Folding the log',
  restore: 'Restoring the log from its second copy',
}

/** Milliseconds. A faster boot shows no progress, which would only flicker and cost time. */
const unnoticed = 200

/** Opens an engine and renders the page with its first value. Until then it shows progress, and an error if opening fails. */
export async function openPage<E extends Engine<any, any, any>>(
  open: (options?: OpenOptions) => Promise<E>,
  page: (engine: E) => ReactNode,
): Promise<E | undefined> {
  const element = document.getElementById('root')!
  const root = createRoot(element)
  const show = (content: ReactNode): void => root.render(<StrictMode>{content}</StrictMode>)
  const started = performance.now()
  const onProgress = ({ phase, done, total }: Progress): void => {
    if (performance.now() - started < unnoticed) return
    const share = total > 1 ? `: ${count(done)} of ${count(total)}` : ''
    show(<Opening text={`${phases[phase] ?? 'Opening'}${share}`} done={done} total={total} />)
  }

  /** The visitor chooses this: without storage everything is lost when the tab is closed. */
  const openInMemory = async (): Promise<void> => {
    const engine = await open({ storage: 'memory' })
    offerDevtools(engine)
    show(page(engine))
  }

  try {
    const engine = await open({ onProgress })
    offerDevtools(engine)
    show(page(engine))
    return engine
  } catch (error) {
    show(<OpenFailed error={error} {...(error instanceof StorageError && { openInMemory })} />)
    return undefined
  }
}

function Opening({ text, done, total }: { readonly text: string; readonly done: number; readonly total: number }) {
  return (
    <div className="opening" role="status">
      <p>{text}</p>
      <progress value={done} max={Math.max(total, 1)} aria-label={text} />
    </div>
  )
}

function OpenFailed({ error, openInMemory }: { readonly error: unknown; readonly openInMemory?: () => Promise<void> }) {
  return (
    <div className="opening" role="alert">
      <p>
        <strong>This page could not open its log:</strong> {describeError(error)}.
      </p>
      {openInMemory && (
        <button type="button" className="button" onClick={openInMemory}>
          Try it without storage: nothing will be kept
        </button>
      )}
    </div>
  )
}
