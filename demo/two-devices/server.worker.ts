import { expose } from 'comlink'
import { memoryHost } from './host.ts'

// The server of this demo. It lives as long as a page of the demo is open. Its devices are in frames of that page.
const host = memoryHost()
addEventListener('connect', (event) => expose(host, (event as MessageEvent).ports[0]!))
