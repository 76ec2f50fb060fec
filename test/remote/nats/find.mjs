// Plain JavaScript, because test/run.mjs needs it too and Node 20 cannot strip types.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installPackages, mayInstall } from '../../browser/harness/find.mjs'

/** What to do where this script may not install anything itself. */
export const advice = 'install nats-server (Debian: apt-get install nats-server), or set NATS_SERVER to its path'

/** The nats-server of this machine. Debian's is where root's PATH alone may lead to. */
export const findNatsServer = () =>
  [
    process.env.NATS_SERVER ?? '',
    ...[...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'].map((folder) => join(folder, 'nats-server')),
  ].find((file) => file !== '' && existsSync(file))

/** Installs it where that is this script's to do: on Debian, as root. */
export const installNatsServer = () => {
  if (!findNatsServer() && mayInstall()) installPackages(['nats-server'])
  return findNatsServer()
}
