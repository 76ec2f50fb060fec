import { hostProjections } from 'tidemark/worker'
import { boardApp } from './board.ts'

hostProjections(boardApp)
