import { natsRemote } from 'tidemark/nats'

/** Where the server is: the test says it. At once, as a worker has to be ready for its first tab. */
function address(): string {
  const request = new XMLHttpRequest()
  request.open('GET', '/nats', false)
  request.send()
  return request.responseText
}

export const remote = natsRemote({
  servers: address(),
  credentials: () => ({ user: 'member', pass: 'member', inboxPrefix: '_INBOX_member' }),
})
