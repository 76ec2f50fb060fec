import { reaction } from 'tidemark/reactions'
import { narrow } from './tidemark.model.ts'

const react = () => reaction(narrow, { on: ['itemAdded'], from: 'now', async run() {} })

/** Ten reactions to an event that the measured writes don't hold. */
export const a = react()
export const b = react()
export const c = react()
export const d = react()
export const e = react()
export const f = react()
export const g = react()
export const h = react()
export const i = react()
export const j = react()
