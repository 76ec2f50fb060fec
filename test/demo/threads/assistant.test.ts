import { describe, expect, it } from 'vitest'
import { apply, type Files } from '../../../demo/threads/assistant/apply.ts'
import { parse } from '../../../demo/threads/assistant/parse.ts'
import { answer, sayDone } from '../../../demo/threads/assistant/say.ts'
import { type EditStep, isEdit } from '../../../demo/threads/assistant/steps.ts'

const files: Files = new Map([
  ['list.md', 'milk\nbread\n'],
  ['trip/plan.md', 'Leave on Monday. Milk the goat.\n'],
])
const edited = (step: Exclude<EditStep, { kind: 'undo' }>, on: Files = files) => {
  const outcome = apply(step, on)
  return 'problem' in outcome ? outcome.problem : outcome.edits
}

describe('a request', () => {
  const asks: [request: string, ...steps: object[]][] = [
    ['create notes.md', { kind: 'create', path: 'notes.md', text: '' }],
    [
      'Please create a file called notes.md with Hello there.',
      { kind: 'create', path: 'notes.md', text: 'Hello there' },
    ],
    ['create "my notes.md": "Hello there."', { kind: 'create', path: 'my notes.md', text: 'Hello there.' }],
    [
      'create poem.md:\nRoses are red\n\nand so on',
      { kind: 'create', path: 'poem.md', text: 'Roses are red\n\nand so on' },
    ],
    [
      'create code.js with\n```js\nlet a = 1; then list files\n```',
      { kind: 'create', path: 'code.js', text: 'let a = 1; then list files' },
    ],
    ['add eggs to list.md', { kind: 'append', path: 'list.md', text: 'eggs' }],
    ['append "- [ ] eggs" to list.md, please', { kind: 'append', path: 'list.md', text: '- [ ] eggs' }],
    ['append to list.md: eggs', { kind: 'append', path: 'list.md', text: 'eggs' }],
    ['write list.md: only bread', { kind: 'write', path: 'list.md', text: 'only bread' }],
    ['replace milk with oat milk in list.md', { kind: 'replace', path: 'list.md', find: 'milk', by: 'oat milk' }],
    ['in list.md, change milk to tea', { kind: 'replace', path: 'list.md', find: 'milk', by: 'tea' }],
    ['replace "a" with "b" everywhere', { kind: 'replace', path: '*', find: 'a', by: 'b' }],
    ['replace a by b in all files', { kind: 'replace', path: '*', find: 'a', by: 'b' }],
    ['remove eggs from list.md', { kind: 'replace', path: 'list.md', find: 'eggs', by: '' }],
    ['rename list.md to lists/list.md', { kind: 'rename', from: 'list.md', to: 'lists/list.md' }],
    ['can you delete the file list.md?', { kind: 'delete', path: 'list.md' }],
    ['list files', { kind: 'list' }],
    ['what files are there?', { kind: 'list' }],
    ['show me list.md', { kind: 'show', path: 'list.md' }],
    ['count words in list.md', { kind: 'count', path: 'list.md' }],
    ['how many lines does list.md have?', { kind: 'count', path: 'list.md' }],
    ['how many files are there?', { kind: 'count', path: null }],
    ['count everything', { kind: 'count', path: null }],
    ['find milk', { kind: 'find', text: 'milk' }],
    ['which files mention "the goat"?', { kind: 'find', text: 'the goat' }],
    ['undo', { kind: 'undo' }],
    ['undo the last turn', { kind: 'undo' }],
    ['help', { kind: 'help' }],
    [
      'create a.md with x, then rename a.md to b.md; list files',
      { kind: 'create', path: 'a.md', text: 'x' },
      { kind: 'rename', from: 'a.md', to: 'b.md' },
      { kind: 'list' },
    ],
    [
      'add eggs to list.md\nadd tea to list.md',
      { kind: 'append', path: 'list.md', text: 'eggs' },
      { kind: 'append', path: 'list.md', text: 'tea' },
    ],
  ]
  it.each(asks)('%s', (request, ...steps) => expect(parse(request)).toEqual(steps))

  it('is quoted in the answer if the assistant does not understand it', () => {
    expect(parse("what's the weather?")).toEqual([{ kind: 'unknown', text: "what's the weather?", reason: '' }])
    for (const path of ['../secret', '/etc/passwd', 'a//b', './a'])
      expect(parse(`create ${path} with x`)[0]).toMatchObject({
        kind: 'unknown',
        reason: expect.stringContaining(path),
      })
    expect(answer({ kind: 'unknown', text: 'sing', reason: '' }, files)).toContain("can't do “sing”")
  })
})

describe('a step of the assistant', () => {
  it('creates a file, but never replaces one', () => {
    expect(edited({ kind: 'create', path: 'a.md', text: 'x' })).toEqual([{ kind: 'write', path: 'a.md', text: 'x\n' }])
    expect(edited({ kind: 'create', path: 'list.md', text: 'x' })).toContain('exists already')
  })
  it('appends a line, also to a new file', () => {
    expect(edited({ kind: 'append', path: 'list.md', text: 'eggs' })).toEqual([
      { kind: 'write', path: 'list.md', text: 'milk\nbread\neggs\n' },
    ])
    expect(edited({ kind: 'append', path: 'new.md', text: 'eggs' })).toEqual([
      { kind: 'write', path: 'new.md', text: 'eggs\n' },
    ])
  })
  it('replaces text in one file or in all, and removes whole lines', () => {
    expect(edited({ kind: 'replace', path: 'list.md', find: 'milk', by: 'tea' })).toEqual([
      { kind: 'write', path: 'list.md', text: 'tea\nbread\n' },
    ])
    expect(edited({ kind: 'replace', path: '*', find: 'i', by: 'I' })).toHaveLength(2)
    expect(edited({ kind: 'replace', path: 'list.md', find: 'milk', by: '' })).toEqual([
      { kind: 'write', path: 'list.md', text: 'bread\n' },
    ])
    expect(edited({ kind: 'replace', path: 'list.md', find: 'wine', by: 'tea' })).toContain('does not occur')
  })
  it('renames and deletes existing files, and suggests a similar name for others', () => {
    expect(edited({ kind: 'rename', from: 'list.md', to: 'a.md' })).toEqual([
      { kind: 'rename', from: 'list.md', to: 'a.md', text: 'milk\nbread\n' },
    ])
    expect(edited({ kind: 'rename', from: 'list.md', to: 'trip/plan.md' })).toContain('exists already')
    expect(edited({ kind: 'delete', path: 'plan.md' })).toContain('Did you mean `trip/plan.md`?')
  })
  it('refuses a file that grows too large', () => {
    expect(edited({ kind: 'write', path: 'a', text: 'x'.repeat(200_001) })).toContain('larger than 200 kB')
  })
})

describe('the answer', () => {
  it('counts the changes', () => {
    const said = (request: string) => {
      const step = parse(request)[0]!
      if (!isEdit(step) || step.kind === 'undo') throw new Error(request)
      const outcome = apply(step, files)
      return 'problem' in outcome ? outcome.problem : sayDone(step, outcome.edits, files)
    }
    expect(said('create a.md: one\ntwo')).toBe('Created `a.md` with 2 lines.')
    expect(said('add eggs to list.md')).toBe('Changed `list.md`: 1 line added, 0 removed.')
    expect(said('replace milk with tea in list.md')).toBe('Replaced “milk” with “tea” in `list.md`, 1 time.')
    expect(said('rename list.md to b.md')).toBe('Renamed `list.md` to `b.md`.')
  })
  it('answers questions from the files', () => {
    expect(answer({ kind: 'list' }, files)).toBe('2 files:\n\n- `list.md`, 2 lines\n- `trip/plan.md`, 1 line')
    expect(answer({ kind: 'list' }, new Map())).toContain('no files yet')
    expect(answer({ kind: 'count', path: 'list.md' }, files)).toBe('`list.md`: 2 lines, 2 words, 11 characters.')
    expect(answer({ kind: 'find', text: 'MILK' }, files)).toContain(
      '`trip/plan.md` line 1: Leave on Monday. Milk the goat.',
    )
    expect(answer({ kind: 'show', path: 'list.md' }, files)).toBe('`list.md`:\n\n```\nmilk\nbread\n```')
  })
})
