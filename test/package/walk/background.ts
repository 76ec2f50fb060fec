import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

// A service worker, such as the background of an extension.
addEventListener('message', (event) => {
  const work = async (): Promise<string> => {
    try {
      const engine = await openEngine(todoApp, { name: 'background' })
      const { sequence } = await engine.dispatch.add({ title: 'Buy milk' })
      await engine.close()
      return `appended ${sequence}`
    } catch (error) {
      return `${error}`
    }
  }
  void work().then((answer) => event.ports[0]?.postMessage(answer))
})
