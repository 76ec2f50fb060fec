import { flushSync, mount, unmount } from 'svelte'
import { createScenarios } from '../scenarios/scenarios.ts'
import Swapping from './Swapping.svelte'

window.scenarios = createScenarios({
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
