import type { OpenEvent } from '../log/stores.ts'

/** What all of one event's attempts share; it names the event for one reaction, and the device if it runs on each one. */
export const reactionKeyOf = ({
  reaction,
  device,
  event,
  index,
}: Pick<OpenEvent, 'reaction' | 'index' | 'device'> & { readonly event: { readonly commandId: string } }): string =>
  `reaction:${device === undefined ? reaction : `${reaction}:${device}`}:${event.commandId}/${index}`

/** Has an attempt of it begun, at any time? Then nothing of its lane begins before it. */
export const isStarted = ({ attempts, handler, running, awaits }: OpenEvent): boolean =>
  attempts > 0 || handler !== 'run' || running !== '' || awaits !== undefined
