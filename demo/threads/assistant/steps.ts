/** One thing that the built-in assistant can do. It is a type and not an interface, because events store steps as JSON. */
export type Step =
  | { kind: 'write'; path: string; text: string }
  | { kind: 'create'; path: string; text: string }
  | { kind: 'append'; path: string; text: string }
  | { kind: 'replace'; path: string; find: string; by: string }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'delete'; path: string }
  | { kind: 'undo' }
  | { kind: 'show'; path: string }
  | { kind: 'list' }
  | { kind: 'count'; path: string | null }
  | { kind: 'find'; text: string }
  | { kind: 'help' }
  | { kind: 'unknown'; text: string; reason: string }

/** The steps that change files. `delete` is one of them, but asks first. */
export type EditStep = Extract<Step, { kind: 'write' | 'create' | 'append' | 'replace' | 'rename' | 'delete' | 'undo' }>

const edits: readonly Step['kind'][] = ['write', 'create', 'append', 'replace', 'rename', 'delete', 'undo']
export const isEdit = (step: Step): step is EditStep => edits.includes(step.kind)
