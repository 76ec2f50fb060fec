/**
 * A separate file that is loaded when the visitor first asks for the past. If `panel.ts` called `import('tidemark/tools')`, the bundler would
 * put the tools into the chunk of another page that imports them. To load that chunk would run that page.
 */
export { at } from 'tidemark/tools'
