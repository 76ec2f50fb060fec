// The code that a first visit rarely needs: sealed and lost segments, damaged pages, a full disk, repeatedly lost
// races, history. It is loaded when the first work of a visit is done, so that no request is needed in an emergency.
export { rescue } from '../copies/rescue.ts'
export { appendInside } from '../log/appendInside.ts'
export { readSegment } from '../log/sealed.ts'
export { discardPages } from '../projections/discard.ts'
export { openSnapshot } from '../projections/openSnapshot.ts'
export { decideInside } from './decideInside.ts'
export { events } from './events.ts'
export { history } from './history.ts'
export { makeRoom } from './makeRoom.ts'
export { rebuild } from './rebuild.ts'
export { standOnBase } from './standOnBase.ts'
