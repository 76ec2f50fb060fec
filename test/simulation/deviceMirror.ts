import type { Files } from './files.ts'

/** The commands in the mirror of a device: those of its log, and those that no remote had ordered yet. */
export function mirroredBy(files: Files | undefined, name: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [path, bytes] of files?.files ?? []) {
    if (!path.startsWith(`tidemark-${name}/`) || path.endsWith('.crswap')) continue
    for (const line of linesOf(bytes)) {
      const commands: unknown = JSON.parse(line)
      if (Array.isArray(commands)) for (const { id } of commands) found.add(id)
    }
  }
  return found
}

/** The lines of all chunks of a file, without their headers. */
function* linesOf(bytes: Uint8Array): Iterable<string> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at)
    const header = JSON.parse(Buffer.from(bytes.subarray(at, end)).toString())
    at = end + 1 + header.bytes
    for (const line of Buffer.from(bytes.subarray(end + 1, at))
      .toString()
      .split('\n'))
      if (line) yield line
  }
}
