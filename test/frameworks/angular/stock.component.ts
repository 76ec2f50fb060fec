import { Component, computed, InjectionToken, inject, signal } from '@angular/core'
import type { EngineOf } from 'tidemark'
import { injectRead, injectStatus } from 'tidemark/angular'
import type { stockApp } from './stock.ts'

/** The engine of the stock. A test can provide another engine of the same model. */
export const STOCK = new InjectionToken<EngineOf<typeof stockApp>>('stock')

@Component({
  selector: 'app-stock',
  template: `
    <main>
      <h1>Stock</h1>
      <form (submit)="add($event)">
        <label>Article <input name="name" required autocomplete="off" /></label>
        <button type="submit">Add</button>
      </form>
      <label><input type="checkbox" (change)="onlyMissing.set(!onlyMissing())" /> Only what is missing</label>
      <ul>
        @for (article of articles(); track article.id) {
          <li>
            {{ article.name }}: {{ article.count }}
            <button type="button" (click)="engine.dispatch.change({ id: article.id, by: 1 })">Put in</button>
            @if (article.count) {
              <button type="button" (click)="engine.dispatch.change({ id: article.id, by: -1 })">Take out</button>
            }
          </li>
        }
      </ul>
      <p role="status">{{ saved() }}</p>
    </main>
  `,
})
export class Stock {
  readonly engine = inject(STOCK)
  readonly onlyMissing = signal(false)
  // The selector reads a signal, so the articles also update when the signal changes.
  readonly articles = injectRead(this.engine, (read) =>
    this.onlyMissing() ? read.articles.by('count', 0) : read.articles.all(),
  )
  readonly #status = injectStatus(this.engine)
  readonly saved = computed(() => (this.#status().pending ? 'Saving' : 'Saved'))

  add(submitted: SubmitEvent): void {
    submitted.preventDefault()
    const form = submitted.target as HTMLFormElement
    this.engine.dispatch.add({ name: String(new FormData(form).get('name')).trim() })
    form.reset()
  }
}
