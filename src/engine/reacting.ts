// What a page does whose app has reactions, and no other page: hears where they are, answers for the app, and runs them where no
// SharedWorker does.
export { answerContext } from './answerContext.ts'
export { followReactions } from './followReactions.ts'
export { reactInPage } from './reactInPage.ts'
export { settled } from './settled.ts'
