export interface Demo {
  /** The folder in demo/, with a slash at its end. */
  readonly path: string
  readonly title: string
  /** What the demo shows, in a sentence. */
  readonly about: string
}

/** Every demo of the site, in the order of the menu and of the first page. A new demo is a folder with an index.html and an entry here. */
export const demos: readonly Demo[] = [
  {
    path: 'threads/',
    title: 'Threads',
    about:
      'An assistant that works on text files: streamed answers, approvals, and the files after any turn. Stop it from another tab.',
  },
  {
    path: 'departures/',
    title: 'Departures',
    about:
      'Record up to three million real flights on a live map. Reload to see how fast it opens, or go back to any flight.',
  },
  {
    path: 'two-devices/',
    title: 'Two devices',
    about:
      'Two devices go offline and book the same seat. One gets it, the other is told. If the server loses bookings, the devices restore them.',
  },
  {
    path: 'todomvc/',
    title: 'TodoMVC',
    about: 'The app everyone knows, with undo, a time machine and the same list in every tab. Its model has 66 lines.',
  },
]
