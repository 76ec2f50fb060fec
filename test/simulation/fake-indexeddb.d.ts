declare module 'fake-indexeddb/lib/*' {
  const any: any
  export default any
}
declare module 'fake-indexeddb/internal/*' {
  const any: any
  export default any
}
