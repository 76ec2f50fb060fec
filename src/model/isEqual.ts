/** Same content, all the way down, of what structured clone takes: JSON, dates, maps, sets, buffers. Other objects equal themselves only. */
export function isEqual(a: any, b: any): boolean {
  if (Object.is(a, b)) return true
  const [one, other] = [membersOf(a), membersOf(b)]
  return (
    !!one &&
    !!other &&
    Object.getPrototypeOf(a) === Object.getPrototypeOf(b) &&
    one.size === other.size &&
    [...one].every(([key, value]) => other.has(key) && isEqual(value, other.get(key)))
  )
}

function membersOf(value: unknown): Map<unknown, unknown> | undefined {
  if (typeof value !== 'object' || !value) return
  if (value instanceof Map) return value
  if (value instanceof Set) return new Map([...value].entries())
  if (value instanceof Date) return new Map([['', value.getTime()]])
  if (value instanceof ArrayBuffer) return membersOf(new Uint8Array(value))
  const prototype = Object.getPrototypeOf(value)
  const isOpen = Array.isArray(value) || ArrayBuffer.isView(value) || !prototype || !Object.getPrototypeOf(prototype)
  return isOpen ? new Map(Object.entries(value)) : undefined
}
