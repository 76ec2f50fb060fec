// Plain JavaScript, because test/run.mjs needs it too and Node 20 cannot strip types.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installPackages, mayInstall } from '../../browser/harness/find.mjs'

/** What to do if this script may not install nats-server. */
export const advice = 'install nats-server (Debian: apt-get install nats-server), or set NATS_SERVER to its path'

/** Finds the nats-server of this machine. Debian installs it in a folder that may only be in root's PATH. */
export const findNatsServer = () =>
  [
    process.env.NATS_SERVER ?? '',
    ...[...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'].map((folder) => join(folder, 'nats-server')),
  ].find((file) => file !== '' && existsSync(file))

/** Installs nats-server if this script may do so: on Debian, as root. */
export const installNatsServer = () => {
  if (!findNatsServer() && mayInstall()) installPackages(['nats-server'])
  return findNatsServer()
}
