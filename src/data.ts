/** What survives `JSON.stringify` unchanged. A property that is `undefined` counts as absent. */
export type Json = string | number | boolean | null | { readonly [key: string]: Json | undefined } | readonly Json[]
/** What identifies a row: a string of at most 1 MiB or a finite number; `1` and `'1'` differ. */
export type Key = string | number
