import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Habit {
  id: string
  name: string
  /** The days on which the habit was done, each like '2026-11-28'. */
  days: readonly string[]
}

const events = defineEvents({
  habitAdded: event<{ id: string; name: string }>(),
  habitDone: event<{ id: string; day: string }>(),
  habitUndone: event<{ id: string; day: string }>(),
})

const habits = projection(events, {
  into: table<Habit>('id'),
  evolve: {
    habitAdded: (_, { data }) => ({ ...data, days: [] }),
    habitDone: (habit, { data }) => habit && { ...habit, days: [...habit.days, data.day] },
    habitUndone: (habit, { data }) => habit && { ...habit, days: habit.days.filter((day) => day !== data.day) },
  },
})

export const habitsApp = defineModel({
  name: 'habits',
  events,
  projections: { habits },
  commands: {
    add: (_, { name }: { name: string }, { id }) => events.habitAdded({ id: id(), name }),
    toggle: ({ habits }, { id, day }: { id: string; day: string }) => {
      const habit = habits.get(id) ?? reject('habit-not-found', { id })
      return habit.days.includes(day) ? events.habitUndone({ id, day }) : events.habitDone({ id, day })
    },
  },
})
