import { expose } from 'comlink'

// Answers, and knows nothing of the library.
addEventListener('connect', (event) => expose({ hello() {} }, (event as MessageEvent).ports[0]))
new BroadcastChannel('worker').onmessage = ({ data }) => {
  if (data === 'die') close()
}
