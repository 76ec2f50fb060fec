// What a first visit does not do, and an emergency needs: sealed segments and lost ones, damaged pages, a full disk, races
// that were lost again and again, the past.
// Loaded when the work of a visit is done, so that an emergency needs no request.
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
