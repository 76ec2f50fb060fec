/**
 * `npm run soak -- --large` plays the browser tests with the large of two numbers. The small one is enough to show the same
 * where everything is tested: what is compared does not depend on how much there is.
 */
export const sized = (small: number, large: number): number => (process.env.TIDEMARK_LARGE === 'true' ? large : small)
