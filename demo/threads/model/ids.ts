/** The id of a thread's n-th turn. It contains the thread and the number, so an event of a turn needs only this id. */
export const turnId = (threadId: string, number: number): string => `${threadId}.${number}`
export const threadOf = (turn: string): string => turn.slice(0, turn.lastIndexOf('.'))
export const numberOf = (turn: string): number => Number(turn.slice(turn.lastIndexOf('.') + 1))

export const fileId = (projectId: string, path: string): string => `${projectId}/${path}`
