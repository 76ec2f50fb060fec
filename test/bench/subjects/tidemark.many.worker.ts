import { hostProjections } from 'tidemark/worker'
import { many } from './tidemark.model.ts'

hostProjections(many(Number(self.name)))
