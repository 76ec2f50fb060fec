import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The frameworks to build and to test: `FRAMEWORKS=vue,lit npx vitest run --project frameworks`. */
export const wanted: readonly string[] = process.env.FRAMEWORKS?.split(',') ?? []

/** Builds all apps and scenarios once. A separate process builds for production: inside Vitest, `NODE_ENV` is `test`. */
export default async (): Promise<void> => {
  const { VITEST: _, NODE_ENV: __, ...env } = process.env
  await promisify(execFile)(process.execPath, ['test/frameworks/build.mjs', ...wanted], { cwd: root, env })
}
