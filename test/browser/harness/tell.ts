import { afterEach } from 'vitest'
import { describeTab, lastTabs } from './browser.ts'

/** Reports what the tabs of a failed test show. The call log of a driver names only what it waited for. */
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') for (const tab of lastTabs) console.log(await describeTab(tab))
})
