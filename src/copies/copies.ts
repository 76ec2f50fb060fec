export { bringBack } from './bringBack.ts'
export { start } from './mirror.ts'
