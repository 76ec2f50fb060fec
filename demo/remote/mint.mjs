// For the server of your app: gives a signed-in user the credentials for their logs.
import { createUser, encodeUser } from '@nats-io/jwt'
import { keyOf } from './accounts.mjs'

/** The calls that a device needs to read and watch a log. To append, it publishes to the log's subject. */
const CALLS = ['STREAM.INFO.*', 'STREAM.MSG.GET.*', 'CONSUMER.CREATE.*.>', 'CONSUMER.INFO.*.>', 'CONSUMER.MSG.NEXT.*.>']

/** @param {string} log @param {string} inbox */
const memberOf = (log, inbox) => ({
  pub: { allow: [`tm_${log}`, ...CALLS.map((call) => `$JS.API.${call.replace('*', `tm_${log}`)}`)] },
  sub: { allow: [`${inbox}.>`] },
})

/**
 * Credentials of one device for one log. Without `log` they are for everything in the group, for use in your scripts.
 * @param {string} group
 * @param {string} [log] as your server knows it, not as the device asks for it
 */
export async function mint(group, log, seconds = 3600) {
  const user = createUser()
  // Nobody else may receive the answers to this device: the name of its inbox can't be guessed, and only its user may subscribe to it.
  const inboxPrefix = `_INBOX_${user.getPublicKey()}`
  const expires = { exp: Math.floor(Date.now() / 1000) + seconds }
  const permissions = log === undefined ? undefined : memberOf(log, inboxPrefix)
  const jwt = await encodeUser(log ?? 'admin', user, keyOf(group), permissions, expires)
  return { jwt, seed: new TextDecoder().decode(user.getSeed()), inboxPrefix }
}
