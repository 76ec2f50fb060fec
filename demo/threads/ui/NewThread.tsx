import type { ThreadsEngine } from '../engine.ts'
import type { Project } from '../model/threads.ts'
import { Composer } from './Composer.tsx'
import { Icon } from './Icon.tsx'
import { go, toFiles, toProject, toThread } from './useRoute.ts'

const suggestions = ['Which files are there?', 'Create notes.md with Hello', 'Help']

export function NewThread({
  engine,
  project,
}: {
  readonly engine: ThreadsEngine
  readonly project: Readonly<Project>
}) {
  const send = async (prompt: string): Promise<void> => {
    const id = crypto.randomUUID()
    const started = engine.dispatch.startThread({ id, projectId: project.id, prompt })
    // The thread exists at once. If the log refuses it, this page says so.
    if (engine.read.threads.has(id)) go(toThread(id))
    await started
  }
  return (
    <section className="talk" aria-label="New thread">
      <header className="pane-head">
        <a className="plain narrow" href="#/" aria-label="All threads">
          <Icon name="back" />
        </a>
        <div className="pane-title">
          <h2>New thread</h2>
          <p>{project.name}</p>
        </div>
        <a className="plain narrow" href={toFiles(toProject(project.id))}>
          <Icon name="files" /> Files
        </a>
      </header>
      <div className="turns turns-empty">
        <p>What should change in the files of “{project.name}”?</p>
      </div>
      <Composer send={send} label="Ask for a change" suggestions={suggestions} />
    </section>
  )
}
