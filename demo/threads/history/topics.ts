import material from './topics.json'

/** Material for threads that look real: the subject of each project, its files, and its tasks. */
export interface Topic {
  readonly id: string
  readonly name: string
  readonly files: readonly { readonly path: string; readonly text: string }[]
  readonly things: readonly string[]
  readonly deeds: readonly string[]
  readonly notes: readonly string[]
}

export const topics: readonly Topic[] = material
