import {
  type AddCase,
  appendAtEnd,
  appendMessage,
  assertHolds,
  collect,
  failure,
  fill,
  isKind,
  listedPositions,
  messagesOf,
  type RemoteUnderTest,
  readAll,
  retryCall,
  same,
  text,
  until,
} from './kit.ts'

/** What a device hears, and what it is told if the server, its log or its access is gone. */
export function addServerCases<Place>(
  test: AddCase<Place>,
  { conditional, openDenied, stop, start, forget, remove }: RemoteUnderTest<Place>,
): void {
  test('a device that watches hears "online", and "more" after an append of another device', async (open) => {
    const heard: string[] = []
    const unwatch = open().watch((poke) => heard.push(poke))
    try {
      await until(() => heard.includes('online'), 'the watcher never heard "online"')
      const before = heard.length
      await appendAtEnd(open(), text('news'))
      await until(() => heard.slice(before).includes('more'), 'the watcher never heard "more"')
    } finally {
      unwatch()
    }
    const after = heard.length
    const other = open()
    await appendAtEnd(other, text('unheard'))
    await readAll(other)
    assertHolds(heard.length === after, 'the watcher was called after it ended')
  })

  test('a call with an aborted signal rejects with its reason', async (open) => {
    const remote = open()
    await appendAtEnd(remote, text('one'))
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    assertHolds(
      (await failure(remote.append(text('two'), { after: '', id: 'id', signal }))) === reason,
      'append did not',
    )
    assertHolds((await failure(collect(remote.read('', { signal })))) === reason, 'read did not')
    const controller = new AbortController()
    for await (const _ of remote.read('', { signal: controller.signal })) break
    controller.abort(reason)
    same(await readAll(remote), [text('one')])
  })

  if (openDenied)
    test('a device without access is denied, and leaves nothing behind', async (open, place) => {
      const denied = openDenied(place)
      const errors = [await failure(appendMessage(denied, text('mine'), '')), await failure(readAll(denied))]
      for (const error of errors) assertHolds(isKind(error, 'denied'), `it answered ${error}`)
      same(await readAll(open()), [])
    })

  if (stop && start) {
    test('without the server, calls reject as unreachable and the watcher hears "offline"; both work again when it is back', async (open, place) => {
      const remote = open()
      const heard: string[] = []
      const unwatch = remote.watch((poke) => heard.push(poke))
      try {
        await appendAtEnd(remote, text('before'))
        await until(() => heard.includes('online'), 'the watcher never heard "online"')
        await stop(place)
        await until(() => heard.at(-1) === 'offline', 'the watcher never heard "offline"')
        const errors = [await failure(appendMessage(remote, text('lost'), '')), await failure(readAll(remote))]
        for (const error of errors) assertHolds(isKind(error, 'unreachable'), `it answered ${error}`)
        await start(place)
        await until(() => heard.at(-1) !== 'offline', 'the watcher never heard "online" again')
        const before = heard.length
        await appendAtEnd(open(), text('after'))
        await until(() => heard.slice(before).includes('more'), 'the watcher never heard "more" again')
        await appendAtEnd(remote, text('own'))
        same(await readAll(remote), ['before', 'after', 'own'].map(text))
      } finally {
        unwatch()
      }
    })

    test('positions are the same after a restart of the server', async (open, place) => {
      const before = await fill(open(), 5)
      await stop(place)
      await start(place)
      const after = await retryCall(() => readAll(open()))
      same(after, messagesOf(before))
      assertHolds(
        listedPositions(after) === listedPositions(before),
        `${listedPositions(before)} became ${listedPositions(after)}`,
      )
      same(await readAll(open(), before[2]!.position), messagesOf(before.slice(3)))
      assertHolds(
        (await appendMessage(open(), text('next'), before[4]!.position)) === 'appended',
        'the next append was refused',
      )
    })
  }

  if (forget)
    test('a position that the remote forgot yields nothing, until another device has written there', async (open, place) => {
      const before = await fill(open(), 5)
      const last = before[4]!.position
      await forget(place, 2)
      same(await retryCall(() => readAll(open())), messagesOf(before.slice(0, 3)))
      same(await readAll(open(), last, true), [])
      same(await readAll(open(), last), [])
      if (conditional)
        assertHolds(
          (await appendMessage(open(), text('stale'), last)) === 'refused',
          'an append after it was not refused',
        )
      await appendAtEnd(open(), text('other'))
      same(await readAll(open(), before[2]!.position), [text('other')])
    })

  if (remove)
    test('a log that was deleted is gone', async (open, place) => {
      await appendAtEnd(open(), text('one'))
      await remove(place)
      const errors = [await failure(appendMessage(open(), text('two'), '')), await failure(readAll(open()))]
      for (const error of errors) assertHolds(isKind(error, 'gone'), `it answered ${error}`)
    })
}
