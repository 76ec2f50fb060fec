#!/usr/bin/env node
// `npm create tidemark@latest my-app -- --template react`: copies the files that all templates share, then the files of one template.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TEMPLATES = ['react', 'vue', 'svelte', 'solid', 'vanilla']
const templates = fileURLToPath(new URL('./templates/', import.meta.url))
const usage = `npm create tidemark@latest <folder> -- --template <${TEMPLATES.join('|')}>`

/**
 * Ends with a message for the person at the terminal.
 * @type {(message: string) => never}
 */
const stop = (message) => {
  console.error(`${message}\nUsage: ${usage}`)
  process.exit(1)
}

function argumentsGiven() {
  try {
    const { values, positionals } = parseArgs({
      options: { template: { type: 'string', short: 't' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    return { ...values, folder: positionals[0] }
  } catch (error) {
    return stop(/** @type {Error} */ (error).message)
  }
}

/** Asks for a value at the terminal. Returns the proposed value if there is no terminal. */
async function ask(/** @type {string} */ question, /** @type {string} */ proposed) {
  if (!stdin.isTTY) return proposed
  const terminal = createInterface({ input: stdin, output: stdout })
  const answer = await terminal.question(`${question} (${proposed}) `)
  terminal.close()
  return answer.trim() || proposed
}

const given = argumentsGiven()
if (given.help) {
  console.log(`Usage: ${usage}`)
  process.exit(0)
}
const target = resolve(given.folder ?? (await ask('Folder', 'my-app')))
const template = given.template ?? (await ask(`Template: ${TEMPLATES.join(', ')}`, 'react'))
if (!TEMPLATES.includes(template)) stop(`There is no template "${template}".`)
if (existsSync(target) && readdirSync(target).length > 0) stop(`${target} is not empty. Choose another folder.`)

for (const source of ['shared', template]) cpSync(join(templates, source), target, { recursive: true })
// npm leaves a file of this name out of a package.
renameSync(join(target, 'gitignore'), join(target, '.gitignore'))
const manifest = join(target, 'package.json')
const name =
  basename(target)
    .toLowerCase()
    .replace(/[^a-z0-9-~]+/g, '-')
    .replace(/^-+|-+$/g, '') || 'my-app'
writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"name": "app"', `"name": "${name}"`))

console.log(`${target} is ready. Now:

  cd ${given.folder ?? basename(target)}
  npm install
  npm run dev    the app
  npm test       its rules
`)
