// What a tab does from its first rows on: append, catch up, follow the host. Loaded right after they are shown.
export { restore } from '../copies/restore.ts'
export { createLog } from '../log/log.ts'
export { arrive } from './arrive.ts'
export { catchUp } from './catchUp.ts'
export { appear } from './presence.ts'
export { projected } from './projected.ts'
export { visitIsDone } from './visitIsDone.ts'
export { work } from './work.ts'
