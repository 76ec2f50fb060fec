export { at, type Past, type RowChange } from './engine/tools/at.ts'
