import { provideZonelessChangeDetection } from '@angular/core'
import { bootstrapApplication } from '@angular/platform-browser'
import { openEngine } from 'tidemark'
import { STOCK, Stock } from './stock.component.ts'
import { stockApp } from './stock.ts'

async function start() {
  const engine = await openEngine(stockApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  await bootstrapApplication(Stock, {
    providers: [provideZonelessChangeDetection(), { provide: STOCK, useValue: engine }],
  })
}
start()
