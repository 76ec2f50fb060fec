export {
  type Expectation,
  type GivenEvent,
  given,
  type OldEvent,
  type RowsOf,
  type Specification,
} from './testing/given.ts'
export { openTestEngine, type TestEngineOptions } from './testing/openTestEngine.ts'
