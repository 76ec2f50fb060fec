import { hostProjections } from 'tidemark/worker'
import { habitsApp } from './habits.ts'

hostProjections(habitsApp)
