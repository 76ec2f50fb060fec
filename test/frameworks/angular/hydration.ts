import {
  type ApplicationConfig,
  Component,
  InjectionToken,
  inject,
  mergeApplicationConfig,
  provideZonelessChangeDetection,
} from '@angular/core'
import { bootstrapApplication, provideClientHydration } from '@angular/platform-browser'
import { openEngine } from 'tidemark'
import { injectRead, injectStatus } from 'tidemark/angular'
import { runHydration, SERVED, titles } from '../scenarios/hydration.ts'
import { type RowsEngine, rowsModel } from '../scenarios/model.ts'

const ENGINE = new InjectionToken<RowsEngine>('engine')

@Component({
  selector: 'a-page',
  template: `
    <p data-sequence>{{ status().sequence }}</p>
    <ul>@for (row of rows(); track row.id) {<li>{{ row.title }}</li>}</ul>
    <p data-served>{{ served().join() }}</p>
  `,
})
class Page {
  readonly engine = inject(ENGINE)
  readonly status = injectStatus(this.engine)
  readonly rows = injectRead(this.engine, (read) => read.rows.all())
  readonly served = injectRead(this.engine, titles, { server: SERVED })
}

const configOf = (engine: RowsEngine): ApplicationConfig => ({
  providers: [provideZonelessChangeDetection(), provideClientHydration(), { provide: ENGINE, useValue: engine }],
})

export async function render(html: string): Promise<string> {
  const { provideServerRendering, renderApplication } = await import('@angular/platform-server')
  const engine = await openEngine(rowsModel)
  const config = mergeApplicationConfig(configOf(engine), { providers: [provideServerRendering()] })
  return renderApplication((context) => bootstrapApplication(Page, config, context), {
    document: html.replace('<!--server-->', '<a-page></a-page>'),
    url: '/',
  })
}

if (!import.meta.env.SSR) runHydration((_, engine) => bootstrapApplication(Page, configOf(engine)))
