import { hostProjections } from 'tidemark/worker'
import { expensesApp } from './expenses.ts'

hostProjections(expensesApp)
