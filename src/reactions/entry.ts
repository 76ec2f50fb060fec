import type { OpenEvent } from '../log/stores.ts'

/** The key that all attempts of one event share. It names reaction and event, and the device if the reaction runs on each one. */
export const reactionKeyOf = ({
  reaction,
  device,
  event,
  index,
}: Pick<OpenEvent, 'reaction' | 'index' | 'device'> & { readonly event: { readonly commandId: string } }): string =>
  `reaction:${device === undefined ? reaction : `${reaction}:${device}`}:${event.commandId}/${index}`

/** Has an attempt of the event ever started? Then no other event of its lane starts before it. */
export const isStarted = ({ attempts, handler, running, awaits }: OpenEvent): boolean =>
  attempts > 0 || handler !== 'run' || running !== '' || awaits !== undefined
