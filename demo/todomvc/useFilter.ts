import { useSyncExternalStore } from 'react'

export type Filter = 'all' | 'active' | 'completed'

const current = (): Filter => {
  const route = location.hash.replace(/^#!?\//, '')
  return route === 'active' || route === 'completed' ? route : 'all'
}

const subscribe = (changed: () => void): (() => void) => {
  addEventListener('hashchange', changed)
  return () => removeEventListener('hashchange', changed)
}

export const useFilter = (): Filter => useSyncExternalStore(subscribe, current)
