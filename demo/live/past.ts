/**
 * A separate file, loaded when the visitor first looks at the past. If `panel.ts` called `import('tidemark/tools')`, the bundler would put
 * the tools into the chunk of another page that imports them, and loading that chunk would run that page.
 */
export { at } from 'tidemark/tools'
