import { type AnyNew, CommandRejected, type Events } from 'tidemark'
import type { threadsApp } from '../model/threadsApp.ts'
import { apply, type Edit } from './apply.ts'
import { answer, sayDone } from './say.ts'
import { type EditStep, isEdit, type Step } from './steps.ts'

type NewEvent = typeof threadsApp.events extends Events<infer E> ? AnyNew<E> : never

/** The data of a turn. */
export interface Hands {
  /** The files as this turn sees them. */
  readonly files: Map<string, string>
  /** Appends the result of a step, and returns the events. */
  carryOut(step: EditStep): Promise<readonly Pick<NewEvent, 'type' | 'data'>[]>
  say(text: string): Promise<void>
  /** The file that may be deleted. */
  readonly granted?: string | undefined
}

/** A file that may be deleted only if the person allows it, and the steps after it. */
export interface Question {
  readonly path: string
  readonly rest: Step[]
}

/** Carries out steps one by one and reports each. If a step needs an approval, it stops and returns the question. */
export async function runSteps(steps: readonly Step[], hands: Hands): Promise<Question | undefined> {
  for (const [at, step] of steps.entries()) {
    if (!isEdit(step)) {
      await hands.say(answer(step, hands.files))
      continue
    }
    if (step.kind === 'delete' && step.path !== hands.granted) {
      const outcome = apply(step, hands.files)
      if (!('problem' in outcome)) return { path: step.path, rest: steps.slice(at + 1) }
      await hands.say(outcome.problem)
      continue
    }
    await hands.say(await edit(step, hands))
  }
  return undefined
}

async function edit(step: EditStep, { files, carryOut }: Hands): Promise<string> {
  const before = new Map(files)
  try {
    const edits = (await carryOut(step)).flatMap(editsOf)
    for (const one of edits) {
      if (one.kind === 'write') files.set(one.path, one.text)
      else if (one.kind === 'remove') files.delete(one.path)
      else {
        files.delete(one.from)
        files.set(one.to, one.text)
      }
    }
    return sayDone(step, edits, before)
  } catch (error) {
    if (error instanceof CommandRejected && error.code === 'impossible')
      return (error.details as { problem: string }).problem
    throw error
  }
}

function editsOf(event: Pick<NewEvent, 'type' | 'data'>): Edit[] {
  const one = event as NewEvent
  switch (one.type) {
    case 'fileWritten':
      return [{ kind: 'write', path: one.data.path, text: one.data.text }]
    case 'fileRemoved':
      return [{ kind: 'remove', path: one.data.path }]
    case 'fileRenamed':
      return [{ kind: 'rename', from: one.data.from, to: one.data.to, text: one.data.text }]
    case 'filesReverted':
      return one.data.changes.map(({ path, text }) =>
        text === null ? { kind: 'remove', path } : { kind: 'write', path, text },
      )
    default:
      return []
  }
}
