export type { Json, Key } from './data.ts'
export { openEngine } from './engine/openEngine.ts'
export type * from './engine/types.ts'
export {
  CommandIdConflict,
  CommandRejected,
  CorruptLog,
  EngineClosed,
  ImportError,
  InvalidData,
  ModelError,
  OutdatedCodeError,
  ProjectionFailed,
  StorageError,
} from './errors.ts'
export type * from './model/events.ts'
export { defineEvents, event } from './model/events.ts'
export { deepEqual, shallowEqual } from './model/isEqual.ts'
export type { CommandContext, Model, ReadModel } from './model/model.ts'
export { defineModel, reject } from './model/model.ts'
export type { OnDisk, Projection, ReadTable, ReadValue, Resident, Value } from './model/projection.ts'
export { projection, table, value } from './model/projection.ts'
