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

/** In the format of `<input type="datetime-local">`: the time zone of this browser, without seconds. */
export const toLocal = (at: number): string =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
/** NaN if it is no date. */
export const fromLocal = (value: string): number => new Date(value).getTime()

/** The proposed time. */
export const nextHour = (): number => Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS
