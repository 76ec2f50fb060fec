import type { Draft, DraftHost, OpenDrafts } from '../drafts/types.ts'
import type { AnyModel } from '../model/model.ts'

/** Opens the drafts of a model. The code is in each draft's declaration, so that apps without drafts do not load it. */
export const openDraftsOf = ({ drafts = {} }: AnyModel, host: DraftHost): OpenDrafts | undefined =>
  (Object.values(drafts) as Draft<any>[])[0]?.open(host, Object.keys(drafts))
