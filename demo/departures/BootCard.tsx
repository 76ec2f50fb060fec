import { memo, useEffect, useState } from 'react'
import { count, milliseconds, plural } from '../ui/format.ts'
import type { Boot } from './boot.ts'

export const BootCard = memo(function BootCard({ boot }: { readonly boot: Boot }) {
  const { sinceNavigation, sinceScript, head, snapshot, rows } = boot
  const tail = head - snapshot
  const stored = useStoredBytes()
  // The log had no event but the list of airports, so there is no snapshot boot to show.
  if (head <= 1) return <FirstVisit />
  return (
    <section className="card boot" aria-labelledby="boot-title">
      <h2 id="boot-title">How this tab opened</h2>
      <dl className="facts">
        <div className="wide">
          <dt>script to ready</dt>
          <dd data-fact="boot">{milliseconds(sinceScript)}</dd>
        </div>
        <div className="wide">
          <dt>navigation to ready</dt>
          <dd>{milliseconds(sinceNavigation)}</dd>
        </div>
      </dl>
      <TideMark head={head} snapshot={snapshot} />
      <p data-fact="boot sentence">{sentence(head, snapshot)}</p>
      <dl className="facts">
        <div>
          <dt>snapshot at event</dt>
          <dd data-fact="snapshot">{count(snapshot)}</dd>
        </div>
        <div>
          <dt>tail</dt>
          <dd data-fact="tail">{plural(tail, 'event')}</dd>
        </div>
        <div>
          <dt>rows</dt>
          <dd>{count(rows.airports + rows.routes + rows.hours + 1)}</dd>
        </div>
        <div>
          <dt>stored by this site</dt>
          <dd>{stored}</dd>
        </div>
      </dl>
    </section>
  )
})

const FirstVisit = () => (
  <section className="card boot-first" aria-labelledby="boot-title">
    <h2 id="boot-title">How a tab opens</h2>
    <p className="quiet">
      This tab opened with an empty log. Reload it: it then opens from a snapshot of the recorded flights, and shows how
      long that took.
    </p>
    <button type="button" className="button" onClick={() => location.reload()}>
      Reload
    </button>
  </section>
)

function sentence(head: number, snapshot: number): string {
  if (snapshot === 0) return `There was no snapshot yet: the tab folded the whole log, ${plural(head, 'event')}.`
  if (snapshot === head) return 'It opened from the snapshot alone: no event was read.'
  return `It opened from the snapshot and read only the ${plural(head - snapshot, 'event')} after it.`
}

/** The log as a line: the part that the snapshot covers, the mark, and the part that had to be read. */
function TideMark({ head, snapshot }: { readonly head: number; readonly snapshot: number }) {
  const width = 300
  const mark = Math.min((width * snapshot) / head, width - (snapshot < head ? 3 : 0))
  return (
    <svg className="tide" viewBox={`0 0 ${width} 26`} preserveAspectRatio="none" aria-hidden="true">
      <rect className="tide-log" y="8" width={width} height="10" rx="2" />
      <rect className="tide-snapshot" y="8" width={mark} height="10" rx="2" />
      <rect className="tide-mark" x={Math.max(0, mark - 2)} y="2" width="2" height="22" />
    </svg>
  )
}

function useStoredBytes(): string {
  const [bytes, setBytes] = useState<number>()
  useEffect(() => {
    void navigator.storage?.estimate?.().then(({ usage }) => setBytes(usage))
  }, [])
  return bytes === undefined ? 'unknown' : `${(bytes / 1e6).toFixed(1)} MB`
}
