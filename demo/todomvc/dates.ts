const format = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const HOUR_MS = 3_600_000

export const describeDate = (at: number): string => format.format(at)
export const inAnHour = (): number => Date.now() + HOUR_MS

/** Formats a time for `<input type="datetime-local">`: in the time zone of this browser, without seconds. */
export const toLocal = (at: number): string =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
/** Parses such a text. NaN if it is not a date. */
export const fromLocal = (value: string): number => new Date(value).getTime()

/** The next full hour: the time that the input proposes. */
export const nextHour = (): number => Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS
