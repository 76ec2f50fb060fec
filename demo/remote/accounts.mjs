// Run it once, and again for each new group: node accounts.mjs acme globex > accounts.conf, then: nats-server --signal reload
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { argv, env } from 'node:process'
import { pathToFileURL } from 'node:url'
import { createAccount, createOperator, encodeAccount, encodeOperator, fromSeed } from '@nats-io/jwt'

// These seeds sign credentials: protect the file like the password of a database.
const file = env.NATS_KEYS ?? 'keys.json'
/** @type {Record<string, string>} */
const seeds = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}

/** The key of a group, made when it is first asked for. @param {string} name */
export const keyOf = (name, create = createAccount) => {
  seeds[name] ??= new TextDecoder().decode(create().getSeed())
  return fromSeed(new TextEncoder().encode(seeds[name]))
}

// Only the server's limits apply. The system account may not store messages.
const limits = { subs: -1, conn: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, leaf: -1 }
const stores = { ...limits, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

/** The part of nats.conf that names the signers of credentials. @param {readonly string[]} groups */
export async function accounts(groups) {
  const signer = keyOf('operator', createOperator)
  const lines = ['SYS', ...groups].map(async (name) => {
    const jwt = await encodeAccount(name, keyOf(name), { limits: name === 'SYS' ? limits : stores }, { signer })
    return `  ${keyOf(name).getPublicKey()}: ${jwt}`
  })
  const preload = (await Promise.all(lines)).join('\n')
  const operator = await encodeOperator('operator', signer)
  writeFileSync(file, JSON.stringify(seeds), { mode: 0o600 })
  return `operator: ${operator}\nsystem_account: ${keyOf('SYS').getPublicKey()}\nresolver: MEMORY\nresolver_preload {\n${preload}\n}\n`
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) console.log(await accounts(argv.slice(2)))
