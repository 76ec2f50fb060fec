import material from './topics.json'

/** Material for threads that look real: what each project is about, its files, and what one does there. */
export interface Topic {
  readonly id: string
  readonly name: string
  readonly files: readonly { readonly path: string; readonly text: string }[]
  readonly things: readonly string[]
  readonly deeds: readonly string[]
  readonly notes: readonly string[]
}

export const topics: readonly Topic[] = material
