import { openEngine, select } from 'tidemark'
import { type Item, shopping } from './shopping.ts'

async function start() {
  const engine = await openEngine(shopping, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  const form = document.querySelector('form') as HTMLFormElement
  const list = document.querySelector('ul') as HTMLUListElement
  const statusLine = document.querySelector('[role=status]') as HTMLElement

  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault()
    const name = String(new FormData(form).get('name')).trim()
    if (name) engine.dispatch.add({ name })
    form.reset()
  })

  /** The elements by row. A row that did not change is the same object, so it keeps its element. */
  const elements = new WeakMap<Item, HTMLLIElement>()
  const elementOf = (item: Item): HTMLLIElement => {
    const known = elements.get(item)
    if (known) return known
    const element = document.createElement('li')
    const label = element.appendChild(document.createElement('label'))
    const box = label.appendChild(document.createElement('input'))
    box.type = 'checkbox'
    box.checked = item.bought
    box.addEventListener('change', () => engine.dispatch.toggle({ id: item.id }))
    label.append(` ${item.name}`)
    elements.set(item, element)
    return element
  }
  select(engine, (read) => read.items.all()).subscribe((items) => list.replaceChildren(...items.map(elementOf)))
  select(engine, (read) => read.items.by('bought', false).length).subscribe((count) => {
    statusLine.textContent = count === 1 ? '1 item to buy' : `${count} items to buy`
  })
}
start()
