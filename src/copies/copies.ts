export { start } from './mirror.ts'
export { restoreFromMirror as bringBack } from './restoreFromMirror.ts'
