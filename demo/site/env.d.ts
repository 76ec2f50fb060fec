declare module 'virtual:search-index' {
  /** A MiniSearch index as JSON. */
  const index: string
  export default index
}
