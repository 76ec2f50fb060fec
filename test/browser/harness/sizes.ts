/**
 * The large number for `npm run soak -- --large`, the small one for `npm test`. The small one shows the same, because the tests compare
 * what may not depend on the size.
 */
export const sized = (small: number, large: number): number => (process.env.TIDEMARK_LARGE === 'true' ? large : small)
