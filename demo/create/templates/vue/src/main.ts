import { openEngine } from 'tidemark'
import { provideEngine } from 'tidemark/vue'
import { createApp } from 'vue'
import App from './App.vue'
import { shopping } from './shopping.ts'

// The engine is opened once, before the first render. All rows are there when its promise resolves.
openEngine(shopping, {
  worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
}).then((engine) => provideEngine(engine, createApp(App)).mount('#app'))
