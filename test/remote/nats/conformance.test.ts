import { join } from 'node:path'
import { StorageType } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { natsRemote } from '../../../src/nats.ts'
import type { RemoteUnderTest } from '../../../src/testing/conformance/kit.ts'
import { remoteConformance } from '../../../src/testing/remoteConformance.ts'
import { cutBlocks } from './blocks.ts'
import { HOOK_MS, hasNatsServer, memberPermissions, type NatsServer, startNatsServer } from './server.ts'

interface Place {
  readonly log: string
}

const users = `
authorization {
  users = [
    { user: admin, password: admin }
    { user: member, password: member, permissions: ${memberPermissions('*', '*', '_INBOX_member')} }
    { user: shared, password: shared, permissions: {
      publish: [
        "logs.*"
        "$JS.API.DIRECT.GET.logs.logs.*"
        "$JS.API.STREAM.INFO.logs"
        "$JS.API.CONSUMER.CREATE.logs.*.logs.*"
        "$JS.API.CONSUMER.INFO.logs.>"
        "$JS.API.CONSUMER.MSG.NEXT.logs.>"
      ]
      subscribe: "_INBOX_shared.>"
    } }
    { user: stranger, password: stranger, permissions: { publish: "nothing", subscribe: "nothing" } }
  ]
}`

describe.skipIf(!hasNatsServer())('nats-server', () => {
  let server: NatsServer
  let logs = 0
  beforeAll(async () => {
    server = await startNatsServer(users)
  }, HOOK_MS)
  afterAll(() => server?.remove())

  const as = (user: string, pass = user) => ({
    servers: server.url,
    credentials: () => ({ user, pass, inboxPrefix: `_INBOX_${user}` }),
  })
  const common = {
    conditional: true,
    stop: () => server.kill(),
    start: () => server.start(),
  }

  describe('with a stream per log', () => {
    const subject: RemoteUnderTest<Place> = {
      ...common,
      async create() {
        const log = `log${++logs}`
        await server.admin((jsm) =>
          jsm.streams.add({ name: `tm_${log}`, subjects: [`tm_${log}`], storage: StorageType.File }),
        )
        return { log }
      },
      open: ({ log }) => natsRemote(as('member'))(log),
      openDenied: ({ log }) => natsRemote(as('member', 'wrong'))(log),
      async forget({ log }, count) {
        await server.kill()
        cutBlocks(join(server.folder, 'store'), '$G', `tm_${log}`, count)
        await server.start()
      },
      async remove({ log }) {
        await server.admin((jsm) => jsm.streams.delete(`tm_${log}`))
      },
    }
    for (const { name, run } of remoteConformance(subject)) it(name, run)
  })

  describe('with a subject per log', () => {
    const options = { stream: 'logs', subject: (log: string) => `logs.${log}` }
    const subject: RemoteUnderTest<Place> = {
      ...common,
      async create() {
        const log = `log${++logs}`
        await server.admin(async (jsm) => {
          await jsm.streams
            .info('logs')
            .catch(() => jsm.streams.add({ name: 'logs', subjects: ['logs.*'], allow_direct: true }))
        })
        return { log }
      },
      open: ({ log }) => natsRemote({ ...as('shared'), ...options })(log),
      openDenied: ({ log }) => natsRemote({ ...as('stranger'), ...options })(log),
      async forget(_, count) {
        await server.kill()
        cutBlocks(join(server.folder, 'store'), '$G', 'logs', count)
        await server.start()
      },
    }
    for (const { name, run } of remoteConformance(subject)) it(name, run)
  })
})
