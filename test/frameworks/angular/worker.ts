import { hostProjections } from 'tidemark/worker'
import { stockApp } from './stock.ts'

hostProjections(stockApp)
