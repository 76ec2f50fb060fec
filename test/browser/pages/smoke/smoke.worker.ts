import { expose } from 'comlink'

let calls = 0
addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (port) expose({ count: () => ++calls }, port)
})
