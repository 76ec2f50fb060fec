export { start } from './mirror.ts'
export { restore } from './restore.ts'
