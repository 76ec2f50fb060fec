// Events with a history: most have changed, one of them twice and one through a schema.
import { defineEvents, event } from 'tidemark'

export interface Added {
  id: string
  title: string
  list: string
}
export interface Renamed {
  id: string
  title: string
}
interface AddedBefore {
  id: string
  title: string
}
interface AddedFirst {
  id: string
  text: string
}
declare const renamed: { '~standard': { types?: { input: { id: string; title: string }; output: Renamed } } }

export const events = defineEvents({
  added: event<AddedFirst>()
    .upcast((first): AddedBefore => ({ id: first.id, title: first.text }))
    .upcast((before): Added => ({ ...before, list: 'inbox' }))
    .was('todoAdded', 'itemAdded'),
  renamed: event<{ id: string; to: string }>().upcast(renamed, (before) => ({ id: before.id, title: before.to })),
  toggled: event<{ key: string }>()
    .upcast((before) => ({ id: before.key }))
    .was('todoToggled'),
  removed: event<{ id: string }>().was('deleted'),
  cleared: event(),
  shared: event<{ id: string; with: string }>().retired(),
})
