import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Expense {
  id: string
  title: string
  cents: number
  category: string
}

const events = defineEvents({
  expenseAdded: event<Expense>(),
  expenseRemoved: event<{ id: string }>(),
})

const expenses = projection(events, {
  into: table<Expense>('id'),
  evolve: {
    expenseAdded: (_, { data }) => data,
    expenseRemoved: () => null,
  },
})

export const expensesApp = defineModel({
  name: 'expenses',
  events,
  projections: { expenses },
  commands: {
    add: (_, input: Omit<Expense, 'id'>, { id }) =>
      input.cents > 0 ? events.expenseAdded({ ...input, id: id() }) : reject('not-an-amount', { cents: input.cents }),
    remove: ({ expenses }, { id }: { id: string }) =>
      expenses.has(id) ? events.expenseRemoved({ id }) : reject('expense-not-found', { id }),
  },
})
