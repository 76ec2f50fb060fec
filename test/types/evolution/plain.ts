// The events of events.ts in their present version, for an app that never changed them.
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

export const events = defineEvents({
  added: event<Added>(),
  renamed: event<Renamed>(),
  toggled: event<{ id: string }>(),
  removed: event<{ id: string }>(),
  cleared: event(),
  shared: event<{ id: string; with: string }>(),
})
