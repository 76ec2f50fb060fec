/**
 * What few pages need: the past, undo, export, import, archive, checks.
 * @module
 */
export { type ArchiveOptions, archive } from './engine/tools/archive.ts'
export type { ArchiveFile } from './engine/tools/archiveFile.ts'
export { at, type Past, type RowChange } from './engine/tools/at.ts'
export { type DeadLetter, deadLetters } from './engine/tools/deadLetters.ts'
export { type DestroyOptions, destroy } from './engine/tools/destroy.ts'
export { exportLog } from './engine/tools/exportLog.ts'
export { importLog } from './engine/tools/importLog.ts'
export type { Watch } from './engine/tools/openCore.ts'
export { openTable } from './engine/tools/openTable.ts'
export { performanceTrack } from './engine/tools/performanceTrack.ts'
export { persist } from './engine/tools/persist.ts'
export { type Preview, preview } from './engine/tools/preview.ts'
export { resumeMirror } from './engine/tools/resumeMirror.ts'
export { type Span, type SpanDetail, spans } from './engine/tools/spans.ts'
export {
  type Inverse,
  type Inverses,
  type InversesOf,
  type UndoOptions,
  type UndoStack,
  undoStack,
} from './engine/tools/undoStack.ts'
export { type Difference, verify } from './engine/tools/verify.ts'
