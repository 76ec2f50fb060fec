/** The most characters of a value on one line. */
const LINE_CHARACTERS = 160

/** `1,234,567`. It does not use `toLocaleString`, because the first call costs a page 50 ms. */
export const formatCount = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',')

export const plural = (n: number, one: string): string => `${formatCount(n)} ${one}${n === 1 ? '' : 's'}`

export const bytes = (n: number): string => {
  const units = ['B', 'kB', 'MB', 'GB']
  const unit = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(n) / 3)))
  const scaled = n / 1000 ** unit
  return `${scaled.toLocaleString('en', { maximumFractionDigits: scaled < 10 && unit ? 1 : 0 })} ${units[unit]}`
}

const pad = (n: number, length = 2): string => String(n).padStart(length, '0')

/** `14:03:07.042`, with the date if it is not today. */
export const time = (at: number): string => {
  const date = new Date(at)
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  return date.toDateString() === new Date().toDateString() ? clock : `${day} ${clock.slice(0, 8)}`
}

export const duration = (ms: number): string => (ms < 10 ? `${ms.toFixed(1)} ms` : `${formatCount(Math.round(ms))} ms`)

/** Formats a value on one line and cuts a long one: a payload may have megabytes. */
export function line(value: unknown, most: number = LINE_CHARACTERS): string {
  let text = ''
  const add = (piece: string): boolean => {
    text += piece
    return text.length < most
  }
  const write = (value: unknown): boolean => {
    if (typeof value === 'string') return add(JSON.stringify(value.slice(0, most)))
    if (typeof value !== 'object' || !value) return add(String(value))
    if (Array.isArray(value)) {
      if (!add('[')) return false
      for (const [i, item] of value.entries()) if (!(add(i ? ', ' : '') && write(item))) return false
      return add(']')
    }
    if (value instanceof Map || value instanceof Set) return add(`${value.constructor.name}(${value.size})`)
    if (value instanceof Date || ArrayBuffer.isView(value)) return add(String(value))
    if (!add('{ ')) return false
    let isFirst = true
    for (const [key, member] of Object.entries(value)) {
      if (!(add(`${isFirst ? '' : ', '}${key}: `) && write(member))) return false
      isFirst = false
    }
    return add(isFirst ? '}' : ' }')
  }
  return write(value) ? text : `${text.slice(0, most)}…`
}

export const keyText = (key: unknown): string => (typeof key === 'number' ? String(key) : `${key}`)

export const describeError = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)

/** Chooses one of eight colours by the name of a type. */
export function hueOf(type: string): number {
  let hash = 0
  for (let i = 0; i < type.length; i++) hash = (hash * 31 + type.charCodeAt(i)) | 0
  return (hash >>> 3) & 7
}
