import type { OpenEvent } from '../log/stores.ts'

/** What all of one event's attempts share; it names the event for one reaction. */
export const keyOf = ({
  reaction,
  event,
  index,
}: Pick<OpenEvent, 'reaction' | 'index'> & { readonly event: { readonly commandId: string } }): string =>
  `reaction:${reaction}:${event.commandId}/${index}`

/** Has an attempt of it begun, at any time? Then nothing of its lane begins before it. */
export const isStarted = ({ attempts, handler, running }: OpenEvent): boolean =>
  attempts > 0 || handler !== 'run' || running !== ''
