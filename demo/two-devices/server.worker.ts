import { expose } from 'comlink'
import { memoryHost } from './host.ts'

// The server of this demo: it lives as long as a page of it is open, as a remote lives beside its devices.
const host = memoryHost()
addEventListener('connect', (event) => expose(host, (event as MessageEvent).ports[0]!))
