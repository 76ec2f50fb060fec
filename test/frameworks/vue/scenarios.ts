import { createApp, h, shallowRef } from 'vue'
import { createScenarios } from '../scenarios/scenarios.ts'
import RowList from './RowList.vue'

window.scenarios = createScenarios({
  mount(page, first) {
    const target = page.appendChild(document.createElement('div'))
    const engine = shallowRef(first)
    const app = createApp(() => h(RowList, { engine: engine.value }))
    app.mount(target)
    return {
      swap(other) {
        engine.value = other
      },
      unmount() {
        app.unmount()
        target.remove()
      },
    }
  },
})
