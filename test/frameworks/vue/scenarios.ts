import { createApp, h, shallowRef } from 'vue'
import { createScenarios } from '../scenarios/scenarios.ts'
import ListRow from './ListRow.vue'
import OneDraft from './OneDraft.vue'
import RowList from './RowList.vue'
import StatusLine from './StatusLine.vue'

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    const app = createApp(StatusLine, { engine })
    app.mount(target)
    return () => {
      app.unmount()
      target.remove()
    }
  },
  mountRow(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const id = shallowRef(first)
    const app = createApp(() => h(ListRow, { engine, id: id.value }))
    app.mount(target)
    return {
      show(other) {
        id.value = other
      },
      unmount() {
        app.unmount()
        target.remove()
      },
    }
  },
  mountDraft(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const id = shallowRef(first)
    const app = createApp(() => h(OneDraft, { engine, id: id.value }))
    app.mount(target)
    return {
      show(other) {
        id.value = other
      },
      unmount() {
        app.unmount()
        target.remove()
      },
    }
  },
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
