import type { Draft, DraftHost, OpenDrafts } from '../drafts/types.ts'
import type { AnyModel } from '../model/model.ts'

/** What the drafts of a model bring along: each has the code. The model knows them by their outside only. */
export const openDraftsOf = ({ drafts = {} }: AnyModel, host: DraftHost): OpenDrafts | undefined =>
  (Object.values(drafts) as Draft<any>[])[0]?.open(host, Object.keys(drafts))
