import { afterEach } from 'vitest'
import { describeTab, lastTabs } from './browser.ts'

/** A test that failed is told with what its tabs show: the call log of a driver says only what it waited for. */
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') for (const tab of lastTabs) console.log(await describeTab(tab))
})
