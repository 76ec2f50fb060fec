/**
 * Events, projections, models and the engine: what every app imports.
 * @module
 */
export type { Json, Key } from './data.ts'
export { openEngine } from './engine/openEngine.ts'
export type {
  Confirmed,
  Dispatch,
  DispatchCommand,
  DispatchOptions,
  Durability,
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
  TableOf,
  Unconfirmed,
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
export type { SyncProgress } from './log/channel.ts'
export type {
  AnyNew,
  AnyRecorded,
  AnyRecordedEvent,
  DataOf,
  Events,
  EventType,
  EventTypes,
  InputOf,
  LiveTypes,
  NewEvent,
  NotJson,
  Recorded,
  RetiredEvent,
  Schema,
  SchemaInput,
  SchemaOutput,
} from './model/events.ts'
export { defineEvents, event } from './model/events.ts'
export { deepEqual, shallowEqual } from './model/isEqual.ts'
export type { JsonOf } from './model/json.ts'
export type {
  Annotated,
  CommandContext,
  CommandInput,
  Commands,
  Decision,
  DraftDefinition,
  DraftDefinitions,
  Model,
  Projections,
  ReadModel,
  ReadOf,
} from './model/model.ts'
export { defineModel, reject } from './model/model.ts'
export type {
  By,
  ByOnDisk,
  EvolveRows,
  EvolveValue,
  Handlers,
  Into,
  KeyProperty,
  Literals,
  Lookup,
  NameOf,
  OnDisk,
  OnDiskOptions,
  Projection,
  ReadInto,
  ReadTable,
  ReadValue,
  Resident,
  ResidentOptions,
  Touched,
  TouchedOnDisk,
  Unseen,
  Value,
} from './model/projection.ts'
export { projection, table, value } from './model/projection.ts'
export { type OpenRemote, type Position, type Remote, RemoteError, type RemoteMessage } from './remote.ts'
export { type Selectable, type Selection, type SelectionObserver, select, type Unsubscribe } from './select.ts'
