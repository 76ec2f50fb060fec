// A test writes another number before each build, so that every file of the next one has another name.
export const build = 1
