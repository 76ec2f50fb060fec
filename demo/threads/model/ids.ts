/** The n-th turn of a thread. Its id says so, so an event of a turn needs no more than this id. */
export const turnId = (threadId: string, number: number): string => `${threadId}.${number}`
export const threadOf = (turn: string): string => turn.slice(0, turn.lastIndexOf('.'))
export const numberOf = (turn: string): number => Number(turn.slice(turn.lastIndexOf('.') + 1))

export const fileId = (projectId: string, path: string): string => `${projectId}/${path}`
