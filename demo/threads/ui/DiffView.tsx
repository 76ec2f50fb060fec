import type { FileDifference } from '../history/compareFiles.ts'
import { Path } from './Workspace.tsx'

const kinds: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed' }
const spoken: Readonly<Record<string, string>> = { '+': 'added: ', '-': 'removed: ' }

export function DiffView({ difference }: { readonly difference: FileDifference }) {
  const { path, from, what, added, removed, hunks } = difference
  return (
    <section className="diff" aria-label={`${path}, ${what}`}>
      <h3>
        <Path path={path} /> {what !== 'changed' && <span className="tag">{what}</span>}
        {from === undefined && added > 0 && <span className="added">+{added}</span>}{' '}
        {from === undefined && removed > 0 && <span className="removed">−{removed}</span>}
      </h3>
      {from !== undefined ? (
        <p className="diff-from">
          from <Path path={from} />
        </p>
      ) : (
        <Lines path={path} hunks={hunks} />
      )}
    </section>
  )
}

function Lines({ path, hunks }: Pick<FileDifference, 'path' | 'hunks'>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
    <section className="diff-lines" tabIndex={0} aria-label={`Lines of ${path}`}>
      {hunks.map((hunk) => (
        <ol key={`${hunk.oldStart} ${hunk.newStart}`}>
          {hunk.lines
            .filter((line) => !line.startsWith('\\'))
            .map((line, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a difference never change
              <li key={at} data-kind={kinds[line[0]!]}>
                <span aria-hidden="true">{line[0]}</span>
                {spoken[line[0]!] && <span className="visually-hidden">{spoken[line[0]!]}</span>}
                {line.slice(1) || ' '}
              </li>
            ))}
        </ol>
      ))}
    </section>
  )
}
