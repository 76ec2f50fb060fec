import { provideEngine } from 'tidemark/vue'
import { createApp } from 'vue'
import App from './App.vue'
import { openShopping } from './open.ts'

openShopping().then((engine) => provideEngine(engine, createApp(App)).mount('#app'))
