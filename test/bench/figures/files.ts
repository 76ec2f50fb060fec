import { buildPage, minimalApp, transfer } from '../build.ts'
import type { Run } from '../run.ts'

/** Gzipped bytes of all files: of the bench page with each subject, and of the smallest app with Tidemark. */
export async function filesFigure(run: Run): Promise<void> {
  for (const { name } of run.subjects)
    run.add('files of the bench page', 'gzip', name, 'B', await transfer(await buildPage(name)))
  if (!run.subjects.some(({ name }) => name === 'tidemark')) return
  const { visit, once, transfer: whole } = await minimalApp()
  run.add('files, minimal app, what a visit loads, shared code once', 'gzip', 'tidemark', 'B', visit)
  run.add('files, minimal app, shared code once', 'gzip', 'tidemark', 'B', once)
  run.add('files, minimal app, as Vite builds it', 'gzip', 'tidemark', 'B', whole)
}
