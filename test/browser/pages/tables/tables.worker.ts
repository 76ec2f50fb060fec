import { hostProjections } from 'tidemark/worker'
import { app, type Variant } from './model.ts'

hostProjections(app(self.name as Variant))
