import { mount } from 'svelte'
import App from './App.svelte'
import { openShopping } from './open.ts'

openShopping().then((engine) => mount(App, { target: document.getElementById('app')!, props: { engine } }))
