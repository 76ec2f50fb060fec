// A test writes another number before each build, so that every file of that build has another name.
export const build = 1
