/** Milliseconds of work between two chances for the page to render and answer. */
export const SLICE = 12

/** Lets the page do what it has to. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })
