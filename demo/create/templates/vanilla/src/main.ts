import { openEngine } from 'tidemark'
import { undoStack } from 'tidemark/tools'
import { type Item, inverses, messageOf, shopping } from './shopping.ts'

// All rows are there when the promise resolves.
openEngine(shopping, {
  worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
}).then((engine) => {
  const page = document.getElementById('app')!
  page.innerHTML = `
    <h1>Shopping</h1>
    <form><input name="name" aria-label="Item"> <button type="submit">Add</button></form>
    <p role="status"></p>
    <ul></ul>
    <button type="button">Undo</button>`
  const find = <T extends Element>(selector: string): T => page.querySelector<T>(selector)!

  const stack = undoStack(engine, inverses)
  const undo = find<HTMLButtonElement>(':scope > button')
  const form = find<HTMLFormElement>('form')

  const lineOf = ({ id, name, bought }: Item) => {
    const line = document.createElement('li')
    line.innerHTML = '<label><input type="checkbox"> <span></span></label> <button type="button">×</button>'
    line.querySelector('span')!.textContent = name
    const box = line.querySelector('input')!
    box.checked = bought
    box.onchange = () => void engine.dispatch.setBought({ id, bought: box.checked })
    const remove = line.querySelector('button')!
    remove.ariaLabel = `Remove ${name}`
    remove.onclick = () => void engine.dispatch.remove({ id })
    return line
  }
  const show = () => {
    find('ul').replaceChildren(...engine.read.items.all().map(lineOf))
    undo.disabled = !stack.canUndo
  }
  engine.subscribe(show)
  stack.subscribe(show)
  show()

  undo.onclick = () => void stack.undo()
  form.onsubmit = async (event) => {
    event.preventDefault()
    let message = ''
    try {
      await engine.dispatch.add({ name: String(new FormData(form).get('name')) })
      form.reset()
    } catch (error) {
      message = messageOf(error)
    }
    find('[role=status]').textContent = message
  }
})
