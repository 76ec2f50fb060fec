import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, the longest first. One that began late would end alone, while the other processors have nothing to do. */
export const longest = [
  ...['simulation/simulation', 'browser/scenarios/firefox', 'browser/axe', 'browser/demo', 'browser/scenarios/webkit'],
  ...['browser/scenarios/chromium', 'package/create', 'frameworks/frameworks', 'browser/threads', 'browser/chromium'],
  ...['browser/drafts', 'browser/nats', 'package/package', 'package/walk', 'package/readme', 'package/reference'],
  ...['engine/mirror', 'engine/tools/storedPoints', 'engine/tools/at', 'engine/fuzz', 'types/types'],
  ...['projections/rebuild', 'remote/nats/natsRemote', 'remote/nats/cluster', 'reactions/storm', 'log/bounds'],
].map((name) => `test/${name}.test.ts`)

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = longest.findIndex((file) => moduleId.endsWith(`/${file}`))
  return place < 0 ? longest.length : place
}
const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.sort((a, b) => groupOf(a) - groupOf(b) || placeOf(a) - placeOf(b))
  }
}
