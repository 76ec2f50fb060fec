import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import WebSocket from 'ws'
import { type Browser, expression, freshProfile, outcome, remember, type Tab, waitInTab, waitUntil } from './browser.ts'
import type { Found } from './find.mjs'

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** One page of the remote inspector. A navigation may move it to another process, so to another target. */
const inspect = async (url: string, log: string[]) => {
  const socket = new WebSocket(url)
  const waiting = new Map<number, { resolve(answer: any): void; reject(error: Error): void }>()
  let ids = 0
  let target: string | undefined
  let gone = true

  const send = (method: string, params: object = {}) =>
    new Promise<any>((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject(new Error('the tab is closed'))
      const id = ++ids
      waiting.set(id, { resolve, reject })
      const message = JSON.stringify({ id, method, params })
      socket.send(JSON.stringify({ id, method: 'Target.sendMessageToTarget', params: { targetId: target, message } }))
    })
  const fail = (why: string) => {
    for (const { reject } of waiting.values()) reject(new Error(why))
    waiting.clear()
  }
  const attach = (id: string) => {
    target = id
    gone = false
    fail('the page went away while a function ran in it')
    send('Console.enable').catch(() => {})
  }
  socket.on('close', () => fail('the tab is closed'))
  socket.on('message', (data) => {
    // Any message carries the acknowledgement along. Without one, WebKit delays the second half of each answer by 40 ms.
    if (socket.readyState === WebSocket.OPEN) socket.ping()
    const { method, params } = JSON.parse(String(data))
    // The message about the first target may come after the one about its successor.
    if (method === 'Target.targetCreated' && !params.targetInfo.isProvisional && gone)
      attach(params.targetInfo.targetId)
    if (method === 'Target.targetDestroyed' && params.targetId === target) gone = true
    if (method === 'Target.didCommitProvisionalTarget') attach(params.newTargetId)
    if (method !== 'Target.dispatchMessageFromTarget') return
    const { id, result, error, method: event, params: detail } = JSON.parse(params.message)
    if (event === 'Console.messageAdded') log.push(`${detail.message.level}: ${detail.message.text}`)
    const call = waiting.get(id)
    waiting.delete(id)
    if (error) call?.reject(new Error(error.message))
    else call?.resolve(result)
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  await waitUntil(async () => target, 'the page to be inspectable')

  return {
    async evaluate(text: string): Promise<any> {
      const { result, wasThrown } = await send('Runtime.evaluate', {
        expression: text,
        returnByValue: true,
        emulateUserGesture: true,
      })
      if (wasThrown) throw new Error(result.description)
      return result.value
    },
    close: () => socket.close(),
  }
}

/**
 * WebKitGTK's MiniBrowser through WebKit's remote inspector. Not through WebKitWebDriver: an automated MiniBrowser keeps its
 * profile in memory, this one keeps it on disk. Each tab has its own window, so none is hidden and slowed down.
 */
export const launchWebKit = async ({ path, xvfb }: Found): Promise<Browser> => {
  const { folder, remove } = freshProfile('webkit')
  const env = {
    ...process.env,
    HOME: folder,
    TMPDIR: folder,
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
  }
  let child: ChildProcess
  let origin = ''
  let home: Awaited<ReturnType<typeof inspect>>
  const seen = new Set<string>()

  const kill = () => {
    try {
      if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    } catch {
      // It has ended already.
    }
  }
  const fresh = async () => {
    const text = await (await fetch(`http://${origin}/`)).text()
    const found = [...text.matchAll(/\/socket\/\d+\/\d+\/WebPage/g)]
      .map(([match]) => match)
      .filter((one) => !seen.has(one))
    for (const one of found) seen.add(one)
    return found[0]
  }
  /** The page that appears next. */
  const appearing = async (log: string[]) => {
    let found: string | undefined
    await waitUntil(async () => (found = await fresh()), 'a page of WebKit')
    return inspect(`ws://${origin}${found}`, log)
  }
  const launch = async () => {
    origin = `127.0.0.1:${await freePort()}`
    seen.clear()
    const options = [
      '--enable-developer-extras=true',
      '--javascript-can-open-windows-automatically=true',
      'about:blank',
    ]
    child = spawn(xvfb ?? path, xvfb ? ['-a', path, ...options] : options, {
      detached: true, // a process group of its own, so that X server and browser end together
      stdio: 'ignore',
      env: { ...env, WEBKIT_INSPECTOR_HTTP_SERVER: origin },
    })
    home = await appearing([])
  }
  const end = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    kill()
    await ended
    // The network process writes the last pages of its databases after the browser has ended.
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  process.once('exit', kill)
  await launch()

  let last: Promise<unknown> = Promise.resolve()
  /** Opens one window at a time, so that no page is mistaken for another. */
  const openWindow = (url: string, log: string[]) => {
    const mine = last.then(async () => {
      // Passes the address at once: an empty window would move to another process during the next step.
      await home.evaluate(`window.open(${JSON.stringify(url)}, '_blank', 'noopener'); null`)
      return appearing(log)
    })
    last = mine.catch(() => {})
    return mine
  }
  let results = 0

  return {
    engine: 'webkit',
    async open(url) {
      const log: string[] = []
      const page = await openWindow(url, log)
      const loaded = () =>
        waitUntil(
          // A new process shows an empty page first.
          () =>
            page.evaluate(`!window.__leaving && document.readyState === 'complete' && location.protocol !== 'about:'`),
          'the page to load',
        )
      const tab: Tab = {
        log,
        async goto(url) {
          const wanted = JSON.stringify(url)
          // A change of only the hash loads nothing.
          await page.evaluate(`{
            const next = new URL(${wanted}, location.href)
            window.__leaving = next.hash === '' || next.href.split('#')[0] !== location.href.split('#')[0]
            location.href = next.href
            null
          }`)
          await loaded()
        },
        async reload() {
          await page.evaluate('window.__leaving = true; location.reload(); null')
          await loaded()
        },
        async evaluate(run, ...args) {
          // The inspector does not wait for promises, so this starts one and fetches its result later.
          const key = `__result${results++}`
          await page.evaluate(
            `window.${key} = null; ${expression(run, args)}.then((text) => { window.${key} = text }); null`,
          )
          for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
            const text = await page.evaluate(
              `(() => { const text = window.${key}; if (text === undefined) return 'lost'; if (text !== null) delete window.${key}; return text })()`,
            )
            if (text === 'lost') throw new Error('the page went away while a function ran in it')
            if (text !== null) return outcome(text)
            await new Promise((resolve) => setTimeout(resolve, pause))
          }
        },
        waitFor: (run, ...args) => waitInTab(tab, run, args),
        async close() {
          await page.evaluate('window.close(); null').catch(() => {})
          page.close()
        },
      }
      await loaded()
      return remember(tab)
    },
    async restart(between) {
      await end()
      between?.()
      await launch()
    },
    async close() {
      await end()
      process.off('exit', kill)
      remove()
    },
  }
}
