import { hostProjections } from 'tidemark/worker'
import { shopping } from './shopping.ts'

hostProjections(shopping)
