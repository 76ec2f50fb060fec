// What a page under a strict Content-Security-Policy and Trusted Types has to do for its worker: a policy for its own scripts.
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown
}
declare global {
  interface Window {
    violations: string[]
    /** What the policy says to a string that is to become code. */
    evaluate(): Promise<string>
    trustedTypes?: Policies
  }
}
window.violations = []
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
  window.violations.push(`${violatedDirective} ${blockedURI} ${sample}`),
)
// Not in the caller's task: a debugger is allowed more.
window.evaluate = () =>
  new Promise((resolve) =>
    setTimeout(() => {
      try {
        resolve(`${new Function('return 1')()}`)
      } catch (error) {
        resolve((error as Error).name)
      }
    }),
  )
if (!location.search.includes('without-policy'))
  window.trustedTypes?.createPolicy('default', {
    createScriptURL(url) {
      if (new URL(url, location.href).origin !== location.origin) throw new TypeError(`not ours: ${url}`)
      return url
    },
  })
await import('./engine.ts')

export {}
