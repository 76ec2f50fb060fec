export { start } from './mirror.ts'
export { rescue } from './rescue.ts'
export { restore } from './restore.ts'
