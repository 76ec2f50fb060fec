import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Builder, Capabilities } from 'selenium-webdriver'
import { type Engine, find } from './browser.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** Under WebDriver, WebKit keeps no data from one process to the next, so its boots are reloads in the same process. */
export const webkit: Engine = {
  name: 'webkit',
  keepsProfile: false,
  async launch() {
    const port = await freePort()
    const driverProgram = find('WEBKIT_DRIVER', 'WebKitWebDriver')
    const driverProcess = spawn(
      find('XVFB_RUN', 'xvfb-run'),
      ['--auto-servernum', driverProgram, `--port=${port}`, '--host=127.0.0.1'],
      { env: { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' }, stdio: 'ignore', detached: true },
    )
    const end = () => {
      try {
        process.kill(-(driverProcess.pid as number))
      } catch {}
    }
    const address = `http://127.0.0.1:${port}`
    for (let tries = 0; ; tries++) {
      const up = await fetch(`${address}/status`).then(
        () => true,
        () => false,
      )
      if (up) break
      if (tries > 100) {
        end()
        throw new Error('WebKitWebDriver did not start')
      }
      await pause(100)
    }
    const binary = find(
      'MINIBROWSER',
      'MiniBrowser',
      '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
      '/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
    )
    const driver = await new Builder()
      .usingServer(address)
      .withCapabilities(
        new Capabilities({
          browserName: 'MiniBrowser',
          'webkitgtk:browserOptions': { binary, args: ['--automation'] },
        }),
      )
      .build()
      .catch((error) => {
        end()
        throw error
      })
    await driver.manage().setTimeouts({ script: 600_000, pageLoad: 60_000 })
    const found = await driver.getCapabilities()
    let used = false
    return {
      version: `WebKitGTK ${found.getBrowserVersion() ?? ''}`.trim(),
      async open(url) {
        if (used) await driver.switchTo().newWindow('tab')
        used = true
        await driver.get(url)
        const handle = await driver.getWindowHandle()
        return {
          async run(expression) {
            await driver.switchTo().window(handle)
            const [error, value] = (await driver.executeAsyncScript(
              `const done = arguments[0]; Promise.resolve(${expression}).then((value) => done([null, value]), (error) => done([String(error), null]))`,
            )) as [string | null, any]
            if (error) throw new Error(error)
            return value
          },
          async close() {
            await driver.switchTo().window(handle)
            await driver.close()
            used = false
          },
        }
      },
      async close() {
        await driver.quit().catch(() => {})
        end()
      },
    }
  },
}
