import { type ApplicationRef, Component, createComponent, input, provideZonelessChangeDetection } from '@angular/core'
import { createApplication } from '@angular/platform-browser'
import { injectDraft, injectRead, injectStatus } from 'tidemark/angular'
import { lineOf, type RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

type Read = RowsEngine['read']

@Component({ selector: 'a-row', template: '<span [attr.data-row]="id()">{{ count(row()?.title) }}</span>' })
class Row {
  readonly engine = input.required<RowsEngine>()
  readonly id = input.required<string>()
  readonly row = injectRead(this.engine, (read) =>
    counted(`row ${this.id()}`, (read: Read) => read.rows.get(this.id()))(read),
  )
  readonly count = rendered<string | undefined>
}

@Component({
  selector: 'a-list',
  imports: [Row],
  template: '@for (id of count(ids()); track id) {<a-row [engine]="engine()" [id]="id" />}',
})
class List {
  readonly engine = input.required<RowsEngine>()
  readonly ids = injectRead(
    this.engine,
    counted('list', (read: Read) => read.rows.all().map(({ id }) => id)),
  )
  readonly count = rendered<readonly string[]>
}

@Component({ selector: 'a-draft', template: '<p [attr.data-draft]="rows()">{{ draft()?.text ?? "none" }}</p>' })
class Draft {
  readonly engine = input.required<RowsEngine>()
  readonly id = input.required<string>()
  readonly draft = injectDraft(
    () => this.engine().drafts.title,
    () => this.id(),
  )
  readonly rows = injectRead(
    this.engine,
    counted('draft', (read: Read) => read.rows.size),
  )
}

@Component({ selector: 'a-status', template: '<p data-status>{{ line() }}</p>' })
class Line {
  readonly engine = input.required<RowsEngine>()
  readonly status = injectStatus(this.engine)
  readonly line = () => lineOf(this.status())
}

const app: ApplicationRef = await createApplication({ providers: [provideZonelessChangeDetection()] })

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const hostElement = page.appendChild(document.createElement('div'))
    const line = createComponent(Line, { environmentInjector: app.injector, hostElement })
    line.setInput('engine', engine)
    app.attachView(line.hostView)
    return () => {
      line.destroy()
      hostElement.remove()
    }
  },
  mountRow(page, engine, id) {
    const hostElement = page.appendChild(document.createElement('div'))
    const row = createComponent(Row, { environmentInjector: app.injector, hostElement })
    row.setInput('engine', engine)
    row.setInput('id', id)
    app.attachView(row.hostView)
    return {
      show: (other) => row.setInput('id', other),
      unmount() {
        row.destroy()
        hostElement.remove()
      },
    }
  },
  mountDraft(page, engine, id) {
    const hostElement = page.appendChild(document.createElement('div'))
    const draft = createComponent(Draft, { environmentInjector: app.injector, hostElement })
    draft.setInput('engine', engine)
    draft.setInput('id', id)
    app.attachView(draft.hostView)
    return {
      show: (other) => draft.setInput('id', other),
      unmount() {
        draft.destroy()
        hostElement.remove()
      },
    }
  },
  mount(page, engine) {
    const hostElement = page.appendChild(document.createElement('div'))
    const list = createComponent(List, { environmentInjector: app.injector, hostElement })
    list.setInput('engine', engine)
    app.attachView(list.hostView)
    return {
      swap: (other) => list.setInput('engine', other),
      unmount() {
        list.destroy()
        hostElement.remove()
      },
    }
  },
  // Angular renders in the next frame, or in a task if that is earlier.
  shown: () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))),
})
