// The code that only a page with reactions needs: it follows their status, answers for the app's `context`, and runs
// the reactions if no SharedWorker does.
export { answerContext } from './answerContext.ts'
export { followReactions } from './followReactions.ts'
export { reactInPage } from './reactInPage.ts'
export { settled } from './settled.ts'
