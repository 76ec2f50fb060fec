import { destroy } from 'tidemark/tools'
import { describe, expect, test } from 'vitest'
import { tab } from '../kit.ts'
import { disk, filesOf, mirrored } from '../mirrored.ts'
import { freshName, later, outcome } from '../todos.ts'
import { written } from './files.ts'

describe('destroy', () => {
  test('closes the log in every tab and deletes it', async () => {
    const name = freshName()
    const [one, two] = [await written(name), await tab(name)]
    await later(50)
    await destroy(one)
    await expect.poll(() => two.status.state).toBe('closed')
    for (const each of [one, two])
      await expect(each.dispatch.add({ title: 'late' })).rejects.toMatchObject({
        name: 'EngineClosed',
        reason: 'destroyed',
      })
    expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(`tidemark:${name}`)
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('leaves nothing of a mirror whose first file is just being written', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    const { getDirectoryHandle } = disk.root
    disk.root.getDirectoryHandle = async (...given) => {
      if (given[1]?.create) await later(200)
      return getDirectoryHandle(...given)
    }
    await one.dispatch.add({ title: 'a' })
    await later(550)
    await destroy(one)
    await later(400)
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('asked for in two tabs at once, both hear that it is done', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await Promise.all([destroy(one), destroy(two)])
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('removes the mirror with the log: nothing comes back', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(two, 1)
    await destroy(one)
    expect(filesOf(name)).toEqual([])
    expect(await outcome(two.dispatch.add({ title: 'b' }))).toMatchObject({ name: 'EngineClosed' })
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.restored).toBeUndefined()
    await anew.dispatch.add({ title: 'c' })
    await mirrored(anew, 1)
  })
})
