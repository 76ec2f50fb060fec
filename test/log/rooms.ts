// The few inner parts that have a contract of their own.
export { type Chunk, makeChunk, packChunk, recordsOf } from '../../src/log/chunk.ts'
export type { CommandEntry, CommitRecord } from '../../src/log/commit.ts'
export { openDatabase } from '../../src/log/database.ts'
export { createLog, type Log } from '../../src/log/log.ts'
export { createMemoryLog } from '../../src/log/memory.ts'
export { readChunks } from '../../src/log/readChunks.ts'
export { seal } from '../../src/log/seal.ts'
export type { AnyModel } from '../../src/model/model.ts'
