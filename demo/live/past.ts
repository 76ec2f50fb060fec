/**
 * A file of its own, loaded with the first look back. The bundler keeps an `import()` of `tidemark/tools` itself in the chunk of a
 * page that imports it, and loading that chunk runs the page.
 */
export { at } from 'tidemark/tools'
