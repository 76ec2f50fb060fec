/** Counts the work of components and selectors since `reset`. */
export const probe = {
  renders: 0,
  runs: new Map<string, number>(),
  reset(): void {
    probe.renders = 0
    probe.runs.clear()
  },
}

/** Counts a render. A component calls this when it renders, with the value that it shows. */
export function rendered<T>(shown: T): T {
  probe.renders++
  return shown
}

/** Wraps a selector so that its runs are counted. */
export const counted =
  <R, T>(name: string, select: (read: R) => T) =>
  (read: R): T => {
    probe.runs.set(name, (probe.runs.get(name) ?? 0) + 1)
    return select(read)
  }
