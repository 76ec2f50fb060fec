import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Article {
  id: string
  name: string
  count: number
}

const events = defineEvents({
  articleAdded: event<{ id: string; name: string }>(),
  stockChanged: event<{ id: string; by: number }>(),
})

const articles = projection(events, {
  into: table<Article>('id'),
  evolve: {
    articleAdded: (_, { data }) => ({ ...data, count: 0 }),
    stockChanged: (article, { data }) => article && { ...article, count: article.count + data.by },
  },
})

/** A command is rejected if it takes more than the stock has, also if another tab took it first. */
export const stockApp = defineModel({
  name: 'stock',
  events,
  projections: { articles },
  commands: {
    add: (_, { name }: { name: string }, { id }) => events.articleAdded({ id: id(), name }),
    change: ({ articles }, { id, by }: { id: string; by: number }) => {
      const article = articles.get(id) ?? reject('article-not-found', { id })
      return article.count + by < 0 ? reject('out-of-stock', { id }) : events.stockChanged({ id, by })
    },
  },
})
