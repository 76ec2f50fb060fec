import { hostProjections } from 'tidemark/worker'
import { app } from './model.ts'

hostProjections(app)
new BroadcastChannel('worker').onmessage = ({ data }) => {
  if (data === 'die') close()
}
