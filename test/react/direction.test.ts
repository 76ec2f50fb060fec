import { expect, test, vi } from 'vitest'

vi.mock('react', () => {
  throw new Error('the core imported React')
})

test.each(['tidemark', 'tidemark/worker', 'tidemark/testing'])('%s works without React', async (entry) => {
  await expect(
    {
      tidemark: () => import('tidemark'),
      'tidemark/worker': () => import('tidemark/worker'),
      'tidemark/testing': () => import('tidemark/testing'),
    }[entry]!(),
  ).resolves.toBeTypeOf('object')
})

test('only tidemark/react needs it', async () => {
  await expect(import('tidemark/react')).rejects.toThrow()
})
