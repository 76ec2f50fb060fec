import { milliseconds } from '../ui/format.ts'
import { element } from './element.ts'

/** Connects the buttons below the panel: a second tab, a worker that dies, a reload. Only the first page has them. */
export function connectTries(): void {
  document.querySelector('.try-tab button')?.addEventListener('click', showSecondTab)
  document.querySelector('.try-reload button')?.addEventListener('click', () => location.reload())
  connectWorker()
}

function showSecondTab({ currentTarget }: Event): void {
  const button = currentTarget as HTMLButtonElement
  const place = document.querySelector('.live-second')!
  const shown = place.childElementCount > 0
  button.textContent = shown ? 'Show a second tab' : 'Close the second tab'
  place.replaceChildren()
  if (shown) return
  const frame = element('iframe', { src: './live/index.html', title: 'A second tab of the same app' })
  place.replaceChildren(
    element('p', {}, element('strong', {}, 'Second tab'), ' A separate document with its own engine on the same log.'),
    frame,
  )
}

function connectWorker(): void {
  const button = document.querySelector<HTMLButtonElement>('.try-worker button')
  const said = document.querySelector('.try-worker p')
  if (!button || !said) return
  if (!('SharedWorker' in globalThis)) {
    button.disabled = true
    said.textContent = 'This browser has no shared workers, so the page keeps the snapshot itself.'
    return
  }
  let stopped = 0
  const demo = new BroadcastChannel('first-page-demo')
  demo.onmessage = ({ data }) => {
    if (data !== 'a worker started' || !stopped) return
    said.textContent = `A new worker took over ${milliseconds(performance.now() - stopped)} later. Nothing waited for it.`
    stopped = 0
    button.disabled = false
  }
  button.addEventListener('click', () => {
    demo.postMessage('stop the worker')
    stopped = performance.now()
    button.disabled = true
    said.textContent =
      'The worker is stopped. Keep typing: your changes are saved without it. Only the tide mark waits for it.'
  })
}
