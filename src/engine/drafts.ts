import type { Draft, DraftHost, OpenDrafts } from '../drafts/types.ts'
import type { AnyModel } from '../model/model.ts'

/**
 * Opens all drafts of a model, by the `open` of the first one. Each draft's declaration brings that code along, so that
 * apps without drafts do not load it.
 */
export const openDraftsOf = ({ drafts = {} }: AnyModel, host: DraftHost): OpenDrafts | undefined =>
  (Object.values(drafts) as Draft<any>[])[0]?.open(host, Object.keys(drafts))
