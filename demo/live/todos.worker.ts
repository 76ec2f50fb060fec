import { hostProjections } from 'tidemark/worker'
import { todoApp } from './todos.ts'

hostProjections(todoApp)

/** Only in this demo: a button on the page kills the worker, to show that nothing depends on it. */
const demo = new BroadcastChannel('first-page-demo')
demo.onmessage = ({ data }) => {
  if (data === 'stop the worker') self.close()
}
demo.postMessage('a worker started')
