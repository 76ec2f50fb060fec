/** Characters of a path. */
const LONGEST = 120

/** The reason why this path can't be a file of a workspace, or undefined. */
export function problemOfPath(path: string): string | undefined {
  if (path.length > LONGEST) return `A path has at most ${LONGEST} characters.`
  if (!/^[\p{L}\p{N}._()@+&-][\p{L}\p{N}\s._()@+&/-]*$/u.test(path)) return `“${path}” is not a path of a file.`
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return `“${path}” is not a path inside the workspace.`
  return undefined
}
