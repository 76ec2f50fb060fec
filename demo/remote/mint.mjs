// For the server of your app: a user who is signed in gets credentials for the logs that are theirs.
import { createUser, encodeUser } from '@nats-io/jwt'
import { keyOf } from './accounts.mjs'

/** What reading and watching a log takes; appending is the log's own subject. */
const CALLS = ['STREAM.INFO.*', 'STREAM.MSG.GET.*', 'CONSUMER.CREATE.*.>', 'CONSUMER.INFO.*.>', 'CONSUMER.MSG.NEXT.*.>']

/** @param {string} log @param {string} inbox */
const memberOf = (log, inbox) => ({
  pub: { allow: [`tm_${log}`, ...CALLS.map((call) => `$JS.API.${call.replace('*', `tm_${log}`)}`)] },
  sub: { allow: [`${inbox}.>`] },
})

/**
 * Credentials of one device, for one log or, without it, for everything in the group: that is for your own scripts.
 * @param {string} group
 * @param {string} [log] as your server knows it, not as the device asks for it
 */
export async function mint(group, log, seconds = 3600) {
  const user = createUser()
  // Nobody else may hear the answers to this device: its inbox has a name that can't be guessed, and only its user may subscribe to it.
  const inboxPrefix = `_INBOX_${user.getPublicKey()}`
  const expires = { exp: Math.floor(Date.now() / 1000) + seconds }
  const permissions = log === undefined ? undefined : memberOf(log, inboxPrefix)
  const jwt = await encodeUser(log ?? 'admin', user, keyOf(group), permissions, expires)
  return { jwt, seed: new TextDecoder().decode(user.getSeed()), inboxPrefix }
}
