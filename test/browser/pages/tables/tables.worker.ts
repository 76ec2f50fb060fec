import { tables } from 'tidemark/tables'
import { hostProjections } from 'tidemark/worker'
import { app, archive, type Variant } from './model.ts'

new BroadcastChannel('worker').onmessage = () => close()
const variant = self.name as Variant
if (variant === 'disk') hostProjections(archive, { tables })
else hostProjections(app(variant))
