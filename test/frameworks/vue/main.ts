import { openEngine } from 'tidemark'
import { provideEngine } from 'tidemark/vue'
import { createApp } from 'vue'
import { readingList } from './books.ts'
import ReadingList from './ReadingList.vue'

async function start() {
  const engine = await openEngine(readingList, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  provideEngine(engine, createApp(ReadingList)).mount('#app')
}
start()
