// Plain JavaScript, because test/run.mjs needs it too and Node 20 cannot strip types.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium, firefox, webkit } from 'playwright-core'

/** @typedef {'chromium' | 'firefox' | 'webkit'} Engine */
/** @typedef {{ path: string, by: 'playwright' | 'bidi' | 'inspector', xvfb?: string }} Found how to start an engine */

/** @type {readonly Engine[]} */
export const engines = ['chromium', 'firefox', 'webkit']

/** The Debian packages that bring an engine. Fonts and xauth are only recommended there, and needed here. */
export const packages = {
  chromium: ['chromium', 'fonts-liberation'],
  firefox: ['firefox-esr', 'fonts-liberation'],
  webkit: ['webkit2gtk-driver', 'xvfb', 'xauth', 'fonts-liberation'],
}

/** What to do where this script may not install anything itself. */
export const advice = {
  chromium:
    'install Chrome or Chromium (Debian: apt-get install chromium), or `npx playwright-core install chromium`, or set CHROME_PATH',
  firefox:
    'install Firefox (Debian: apt-get install firefox-esr), or `npx playwright-core install firefox`, or set FIREFOX_PATH',
  webkit: 'Debian: apt-get install webkit2gtk-driver xvfb xauth; elsewhere `npx playwright-core install webkit`',
}

/** @param {...string} names */
const onPath = (...names) =>
  names
    .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
    .find((file) => existsSync(file))

/** @param {...(string | undefined)} files */
const first = (...files) => files.find((file) => file !== undefined && file !== '' && existsSync(file))

/** @param {{ executablePath(): string }} type */
const ofPlaywright = (type) => {
  try {
    return first(type.executablePath())
  } catch {
    return undefined
  }
}

/** Chromium of any Playwright version: its protocol, unlike that of the two others, is the same in all of them. */
const anyPlaywrightChromium = () => {
  const caches = [
    process.env.PLAYWRIGHT_BROWSERS_PATH,
    join(homedir(), '.cache/ms-playwright'),
    join(homedir(), 'Library/Caches/ms-playwright'),
  ]
  const inside = [
    'chrome-linux/chrome',
    'chrome-linux64/chrome',
    'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
    'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
  ]
  for (const cache of caches)
    if (cache && existsSync(cache))
      for (const folder of readdirSync(cache).sort().reverse())
        if (/^chromium-\d/.test(folder)) {
          const found = first(...inside.map((file) => join(cache, folder, file)))
          if (found) return found
        }
  return undefined
}

const miniBrowser = () => {
  const folders = ['/usr/lib', '/usr/libexec', '/usr/local/libexec']
  const candidates = folders.flatMap((folder) =>
    ['', 'x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf'].flatMap((machine) =>
      ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0'].map((api) => join(folder, machine, api, 'MiniBrowser')),
    ),
  )
  return first(...candidates)
}

/**
 * The browsers of this machine that the tests can drive.
 * @returns {Partial<Record<Engine, Found>>}
 */
export const findBrowsers = () => {
  /** @type {Partial<Record<Engine, Found>>} */
  const found = {}
  const apps = '/Applications'
  const chrome =
    first(process.env.CHROME_PATH) ??
    ofPlaywright(chromium) ??
    onPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome') ??
    first(
      `${apps}/Google Chrome.app/Contents/MacOS/Google Chrome`,
      `${apps}/Chromium.app/Contents/MacOS/Chromium`,
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    ) ??
    anyPlaywrightChromium()
  if (chrome) found.chromium = { path: chrome, by: 'playwright' }

  const fox =
    first(process.env.FIREFOX_PATH) ??
    onPath('firefox-esr', 'firefox') ??
    first(`${apps}/Firefox.app/Contents/MacOS/firefox`, 'C:\\Program Files\\Mozilla Firefox\\firefox.exe')
  const juggler = ofPlaywright(firefox)
  if (fox) found.firefox = { path: fox, by: 'bidi' }
  else if (juggler) found.firefox = { path: juggler, by: 'playwright' }

  const mini = miniBrowser()
  const xvfb = onPath('xvfb-run')
  const kit = ofPlaywright(webkit)
  if (mini && (xvfb || process.env.DISPLAY)) found.webkit = { path: mini, by: 'inspector', ...(xvfb && { xvfb }) }
  else if (kit) found.webkit = { path: kit, by: 'playwright' }
  return found
}

/** Installing is this script's to do on Debian, as root. */
export const mayInstall = () => process.getuid?.() === 0 && existsSync('/etc/debian_version')

/** @param {readonly string[]} wanted */
export const installPackages = (wanted) => {
  console.log(`installing ${wanted.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } catch (error) {
    console.error(`apt-get failed: ${error instanceof Error ? error.message : error}`)
  }
}

/** Installs the browsers that are missing, where that may be done. */
export const installMissing = () => {
  const found = findBrowsers()
  const missing = engines.filter((engine) => !found[engine])
  if (missing.length === 0 || !mayInstall()) return found
  installPackages([...new Set(missing.flatMap((engine) => packages[engine]))])
  return findBrowsers()
}
