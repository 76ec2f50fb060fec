// The few internal parts that have a contract of their own.

export { createCopy } from '../../src/copies/mirrorCopy.ts'
export { copies } from '../../src/copies/part.ts'
export { foldCommit } from '../../src/model/fold.ts'
export { type AnyModel, createFolds } from '../../src/model/model.ts'
export { connectHost } from '../../src/projections/connect.ts'
export { createHost } from '../../src/projections/host.ts'
export { createPipeline } from '../../src/projections/pipeline.ts'
export { readSnapshot } from '../../src/projections/snapshot.ts'
export type { Pipeline, Workshop } from '../../src/projections/workshop.ts'
