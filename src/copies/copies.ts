export { start } from './mirror.ts'
export { restoreFromMirror } from './restoreFromMirror.ts'
