/** Does nothing until the site has a service worker. */
export function keepOffline(): void {}
