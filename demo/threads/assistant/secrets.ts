/** The key of the endpoint. It is only in the memory of this page. A reaction asks for the key when it needs it. */
export const secrets = { key: '' }
