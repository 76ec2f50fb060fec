// The test writes a different number before each build.
export const build = 1
