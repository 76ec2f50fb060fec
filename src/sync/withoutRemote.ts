import { StorageError } from '../errors.ts'

/** A log that was begun without a remote was opened with one. */
export const withoutRemote = (name: string): StorageError =>
  new StorageError(
    'unavailable',
    `"${name}" is not synchronised: this log was begun without a remote, and this version of Tidemark can't take an existing log online. ` +
      'Nothing is sent and nothing is received. Commands are kept on this device as before. Open the remote under another name ' +
      `(openEngine(model, { name: '${name}-shared', remote })), or wait for a version that can convert the log.`,
  )
