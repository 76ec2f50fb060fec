import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Flips bytes in every log and table of a Chromium profile's IndexedDB. Returns how many files it damaged. */
export function damageIndexedDB(profile: string): number {
  let damaged = 0
  for (const file of readdirSync(profile, { recursive: true, encoding: 'utf8' })) {
    const path = join(profile, file)
    if (!/IndexedDB.*\.leveldb.*\.(log|ldb)$/.test(file) || !statSync(path).isFile()) continue
    const bytes = readFileSync(path)
    for (let at = 20; at < bytes.length; at += 500) bytes[at]! ^= 0xff
    writeFileSync(path, bytes)
    damaged++
  }
  return damaged
}
