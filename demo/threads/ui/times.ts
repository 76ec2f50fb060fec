const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' })
const dated = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' })
const full = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/** How long ago, in a short form. */
export function ago(at: number, now: number): string {
  const passed = now - at
  if (passed < MINUTE) return 'now'
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h`
  if (passed < 7 * DAY) return `${Math.floor(passed / DAY)} d`
  return passed < 300 * DAY ? date.format(at) : dated.format(at)
}
export const exactly = (at: number): string => full.format(at)

export function lasting(ms: number): string {
  if (ms < 1000) return `${Math.max(1, Math.round(ms / 100)) / 10} s`
  if (ms < MINUTE) return `${Math.round(ms / 1000)} s`
  return `${Math.floor(ms / MINUTE)} min ${Math.round((ms % MINUTE) / 1000)} s`
}

export function remaining(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  if (seconds >= 3600) return `${Math.ceil(seconds / 3600)} h`
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
