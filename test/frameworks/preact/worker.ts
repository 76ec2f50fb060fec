import { hostProjections } from 'tidemark/worker'
import { scoresApp } from './scores.ts'

hostProjections(scoresApp)
