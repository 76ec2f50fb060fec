import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Player {
  id: string
  name: string
  points: number
}

const events = defineEvents({
  playerJoined: event<{ id: string; name: string }>(),
  pointsScored: event<{ id: string; points: number }>(),
})

const players = projection(events, {
  into: table<Player>('id'),
  evolve: {
    playerJoined: (_, { data }) => ({ ...data, points: 0 }),
    pointsScored: (player, { data }) => player && { ...player, points: player.points + data.points },
  },
})

export const scoresApp = defineModel({
  name: 'scores',
  events,
  projections: { players },
  commands: {
    join: (_, { name }: { name: string }, { id }) => events.playerJoined({ id: id(), name }),
    score: ({ players }, { id, points }: { id: string; points: number }) =>
      players.has(id) ? events.pointsScored({ id, points }) : reject('player-not-found', { id }),
  },
})
