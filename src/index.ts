/**
 * Events, projections, models and the engine: what every app imports.
 * @module
 */
export type { Json, Key } from './data.ts'
export { openEngine } from './engine/openEngine.ts'
export type {
  Dispatch,
  DispatchOptions,
  Engine,
  EngineOf,
  EventsOptions,
  HistoryOptions,
  Observer,
  OpenOptions,
  Progress,
  ProjectionStatus,
  ReactionStatus,
  Receipt,
  Status,
  SyncStatus,
} from './engine/types.ts'
export {
  CommandIdConflict,
  CommandRejected,
  CorruptLog,
  EngineClosed,
  ImportError,
  InvalidData,
  type Issue,
  ModelError,
  OutdatedCodeError,
  ProjectionFailed,
  StorageError,
} from './errors.ts'
export type {
  AnyNew,
  AnyRecorded,
  DataOf,
  Events,
  EventType,
  EventTypes,
  NewEvent,
  NotJson,
  Recorded,
  RetiredEvent,
  Schema,
} from './model/events.ts'
export { defineEvents, event } from './model/events.ts'
export { deepEqual, shallowEqual } from './model/isEqual.ts'
export type {
  CommandContext,
  Commands,
  Decision,
  DraftDefinitions,
  Model,
  Projections,
  ReadModel,
  ReadOf,
} from './model/model.ts'
export { defineModel, reject } from './model/model.ts'
export type { OnDisk, Projection, ReadTable, ReadValue, Resident, Value } from './model/projection.ts'
export { projection, table, value } from './model/projection.ts'
export { type OpenRemote, type Position, type Remote, RemoteError, type RemoteMessage } from './remote.ts'
export { type Selectable, type Selection, type SelectionObserver, select, type Unsubscribe } from './select.ts'
