import 'uplot/dist/uPlot.min.css'
import '../ui/theme.css'
import '../ui/page.css'
import '../ui/timeMachine.css'
import './departures.css'
import { openPage } from '../ui/openPage.tsx'
import { type Boot, measureBoot } from './boot.ts'
import { data } from './data.ts'
import { type DeparturesEngine, openDepartures } from './engine.ts'
import { live } from './live.ts'
import { Page } from './Page.tsx'

let boot: Boot | undefined

const engine = await openPage<DeparturesEngine>(
  async (options) => {
    const started = performance.now()
    const engine = await openDepartures(options)
    boot = measureBoot(engine, started)
    return engine
  },
  (engine) => <Page engine={engine} live={live(engine)} boot={boot!} />,
)

if (engine?.read.airports.size === 0) await engine.dispatch.listNetwork(await data.network())
