import { flushSync, mount, unmount } from 'svelte'
import { createScenarios } from '../scenarios/scenarios.ts'
import OneDraft from './OneDraft.svelte'
import OneRow from './OneRow.svelte'
import StatusLine from './StatusLine.svelte'
import Swapping from './Swapping.svelte'

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    const line = mount(StatusLine, { target, props: { engine } })
    flushSync()
    return () => {
      unmount(line)
      target.remove()
    }
  },
  mountRow(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const row = mount(OneRow, { target, props: { engine, first } })
    flushSync()
    return {
      show: (id) => row.show(id),
      unmount() {
        unmount(row)
        target.remove()
      },
    }
  },
  mountDraft(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const draft = mount(OneDraft, { target, props: { engine, first } })
    flushSync()
    return {
      show: (id) => draft.show(id),
      unmount() {
        unmount(draft)
        target.remove()
      },
    }
  },
  mount(page, first) {
    const target = page.appendChild(document.createElement('div'))
    const list = mount(Swapping, { target, props: { first } })
    flushSync()
    return {
      swap: (engine) => list.swap(engine),
      unmount() {
        unmount(list)
        target.remove()
      },
    }
  },
})
