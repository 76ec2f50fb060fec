const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export const count = (n: number): string => whole.format(n)
export const compact = (n: number): string => short.format(n)
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`
export const milliseconds = (ms: number): string => (ms < 10 ? `${ms.toFixed(1)} ms` : `${count(Math.round(ms))} ms`)
export const duration = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
export const signed = (minutes: number): string => `${minutes < 0 ? '−' : '+'}${Math.abs(minutes).toFixed(1)}`
