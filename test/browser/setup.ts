import { buildAll } from './harness/build.ts'

export default buildAll
