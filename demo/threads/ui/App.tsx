import { useEffect, useState } from 'react'
import { useRead } from 'tidemark/react'
import { StatusLine } from '../../ui/StatusLine.tsx'
import type { ThreadsEngine } from '../engine.ts'
import { AssistantDialog } from './AssistantDialog.tsx'
import { GenerateDialog } from './GenerateDialog.tsx'
import { NewProjectDialog } from './NewProjectDialog.tsx'
import { NewThread } from './NewThread.tsx'
import { SearchDialog } from './SearchDialog.tsx'
import { Sidebar } from './Sidebar.tsx'
import { ThreadPane } from './ThreadPane.tsx'
import { useRoute } from './useRoute.ts'
import { Welcome } from './Welcome.tsx'
import { Workspace } from './Workspace.tsx'

export type DialogName = 'search' | 'assistant' | 'generate' | 'project'

export function App({ engine }: { readonly engine: ThreadsEngine }) {
  const route = useRoute()
  const [dialog, setDialog] = useState<DialogName>()
  const thread = useRead(engine, (read) => (route.threadId ? read.threads.get(route.threadId) : undefined))
  const projectId = thread?.projectId ?? route.projectId
  const project = useRead(engine, (read) => (projectId ? read.projects.get(projectId) : undefined))
  const close = (): void => setDialog(undefined)

  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== 'k') return
      event.preventDefault()
      // The site's search has the same keys. On this page it opens with its button and with `/`.
      event.stopImmediatePropagation()
      setDialog('search')
    }
    addEventListener('keydown', pressed, true)
    return () => removeEventListener('keydown', pressed, true)
  }, [])
  useEffect(() => {
    document.title = `${thread?.title ?? project?.name ?? 'Threads'} · Tidemark`
  }, [thread?.title, project?.name])

  const view = !project ? 'list' : route.files ? 'files' : 'talk'
  return (
    <>
      <main id="content" className="threads" data-view={view}>
        <h1 className="visually-hidden">Threads</h1>
        <Sidebar engine={engine} route={route} open={setDialog} />
        {project && thread ? (
          <ThreadPane key={thread.id} engine={engine} thread={thread} project={project} turn={route.turn} />
        ) : project ? (
          <NewThread key={project.id} engine={engine} project={project} />
        ) : (
          <Welcome
            engine={engine}
            open={setDialog}
            lost={route.threadId !== undefined || route.projectId !== undefined}
          />
        )}
        {project && (
          <Workspace key={`of ${project.id}`} engine={engine} project={project} thread={thread} turn={route.turn} />
        )}
      </main>
      {dialog === 'search' && <SearchDialog engine={engine} close={close} open={setDialog} />}
      {dialog === 'assistant' && <AssistantDialog engine={engine} close={close} />}
      {dialog === 'generate' && <GenerateDialog engine={engine} close={close} />}
      {dialog === 'project' && <NewProjectDialog engine={engine} close={close} />}
      <StatusLine engine={engine} />
    </>
  )
}
