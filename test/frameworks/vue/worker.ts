import { hostProjections } from 'tidemark/worker'
import { readingList } from './books.ts'

hostProjections(readingList)
