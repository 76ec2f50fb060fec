import { hostProjections } from 'tidemark/worker'
import { departures } from './departures.ts'

hostProjections(departures)

/** Only in this demo: a button on the page kills the worker, to show that nothing depends on it. */
const demo = new BroadcastChannel('departures-demo')
demo.onmessage = ({ data }) => {
  if (data === 'stop the worker') self.close()
}
demo.postMessage('a worker started')
