import '../ui/theme.css'
import '../ui/page.css'
import './threads.css'
import './talk.css'
import './workspace.css'
import './dialogs.css'
import { openPage } from '../ui/openPage.tsx'
import { openThreads } from './engine.ts'
import { App } from './ui/App.tsx'

await openPage(openThreads, (engine) => <App engine={engine} />)
