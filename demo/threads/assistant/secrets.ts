/** In the memory of this page only. A reaction asks for it when it needs it. */
export const secrets = { key: '' }
