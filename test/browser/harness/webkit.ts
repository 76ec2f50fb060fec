import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { type Browser, expression, outcome, type Tab, waitUntil } from './browser.ts'
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

/**
 * WebKitGTK's MiniBrowser by plain WebDriver. Limits: an automated MiniBrowser keeps its profile in memory only, so there
 * is no cold start on stored data, and a second process never shares a profile with the first; a tab is a window of
 * its own, because a hidden tab is slowed down; the driver tells no console lines.
 */
export const launchWebKit = async ({ path, driver = 'WebKitWebDriver', xvfb }: Found): Promise<Browser> => {
  const port = await freePort()
  const options = [`--port=${port}`]
  const child = spawn(xvfb ?? driver, xvfb ? ['-a', driver, ...options] : options, {
    detached: true, // a process group of its own, so that X server, driver and browser end together
    stdio: 'ignore',
    env: { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
  })
  const stop = () => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGTERM')
    } catch {
      // It has ended already.
    }
  }
  process.once('exit', stop)

  const request = async (method: string, path: string, body?: unknown): Promise<any> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(method === 'POST' && { body: JSON.stringify(body ?? {}) }),
    })
    const { value } = (await response.json()) as { value: any }
    if (!response.ok) throw Object.assign(new Error(`${value.error}: ${value.message}`), { name: 'WebDriverError' })
    return value
  }
  // The command names no tab, the session has a current one: switching and acting must not be parted.
  let last: Promise<unknown> = Promise.resolve()
  const alone = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = last.then(act, act)
    last = mine.catch(() => {})
    return mine
  }

  await waitUntil(() => request('GET', '/status'), 'WebKitWebDriver')
  const { sessionId } = await request('POST', '/session', {
    capabilities: {
      alwaysMatch: {
        'webkitgtk:browserOptions': { binary: path, args: ['--automation'] },
        timeouts: { script: 240_000, pageLoad: 60_000 },
      },
    },
  })
  const session = `/session/${sessionId}`
  // The session ends with its last window, so its first one stays, unused.
  const home = await request('GET', `${session}/window`)
  const inWindow = <T>(handle: string, act: () => Promise<T>) =>
    alone(async () => {
      await request('POST', `${session}/window`, { handle })
      return act()
    })
  let results = 0

  return {
    engine: 'webkit',
    persistent: false,
    async open(url) {
      const { handle } = await inWindow(home, () => request('POST', `${session}/window/new`, { type: 'window' }))
      const inTab = <T>(act: () => Promise<T>) => inWindow<T>(handle, act)
      const script = (text: string) =>
        inTab(() => request('POST', `${session}/execute/sync`, { script: text, args: [] }))
      const tab: Tab = {
        log: [],
        goto: (url) => inTab(() => request('POST', `${session}/url`, { url })),
        reload: () => inTab(() => request('POST', `${session}/refresh`)),
        async evaluate(run, ...args) {
          // Started here and fetched later: a command that waited would keep the other tabs from running.
          const key = `__result${results++}`
          await script(`window.${key} = null; ${expression(run, args)}.then((text) => { window.${key} = text })`)
          for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
            const text = await script(
              `if (window.${key} === undefined) return 'lost'; const text = window.${key}; if (text !== null) delete window.${key}; return text`,
            )
            if (text === 'lost') throw new Error('the page went away while a function ran in it')
            if (text !== null) return outcome(text)
            await new Promise((resolve) => setTimeout(resolve, pause))
          }
        },
        waitFor: (run, ...args) => waitUntil(() => tab.evaluate(run, ...args), String(run)),
        close: () => inTab(() => request('DELETE', `${session}/window`)),
      }
      await tab.goto(url)
      return tab
    },
    async restart() {
      throw new Error('an automated WebKitGTK keeps its profile in memory: it has no cold start on stored data')
    },
    async close() {
      await request('DELETE', session).catch(() => {})
      stop()
      process.off('exit', stop)
    },
  }
}
