import type { Draft, DraftHost, OpenDrafts } from '../drafts/types.ts'
import type { AnyModel } from '../model/model.ts'
import type { Tab } from './tab.ts'

/** What the drafts of a model bring along: each has the code. */
export function openDraftsOf(
  model: AnyModel,
  name: string,
  tab: Pick<Tab, 'database' | 'channel' | 'logId'> & { readonly refusal?: Error },
  ended: AbortSignal,
): OpenDrafts | undefined {
  const { drafts = {} } = model
  const names = Object.keys(drafts)
  // The model knows them by their outside only.
  const [first] = Object.values(drafts) as Draft<any>[]
  return first?.open(
    {
      name,
      ended,
      get database() {
        return tab.database
      },
      get refusal() {
        return tab.refusal
      },
      post: (draft) => tab.channel?.post({ log: tab.logId, draft }),
    } satisfies DraftHost,
    names,
  )
}
