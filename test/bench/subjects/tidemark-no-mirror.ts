import type { Subject } from './subject.ts'
import { create } from './tidemark.ts'

export const subject: Subject = create({ mirror: false })
