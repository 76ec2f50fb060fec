/** Keeps the site for offline use, unless the browser saves data. Offers a new build, which all tabs load at the same time. */
export async function keepOffline(): Promise<void> {
  const { serviceWorker } = navigator
  const { connection } = navigator as { readonly connection?: { readonly saveData?: boolean } }
  if (import.meta.env.DEV || !serviceWorker || connection?.saveData) return
  const hadOne = serviceWorker.controller !== null
  // All tabs reload with the new build, because the files of the old one are gone.
  serviceWorker.addEventListener('controllerchange', () => hadOne && location.reload())
  await loaded()
  const home = document.querySelector<HTMLAnchorElement>('.site-home')
  if (!home) return
  try {
    const registration = await serviceWorker.register(new URL('sw.js', home.href))
    if (registration.waiting) offer(registration.waiting)
    registration.addEventListener('updatefound', () => {
      const worker = registration.installing
      worker?.addEventListener('statechange', () => worker.state === 'installed' && hadOne && offer(worker))
    })
  } catch {
    // The browser blocks it, or the page is not secure. The site still works online.
  }
}

/** Waits until the page has loaded, so that files for offline use do not slow it down. */
const loaded = (): Promise<void> =>
  new Promise((resolve) => {
    if (document.readyState === 'complete') resolve()
    else addEventListener('load', () => resolve(), { once: true })
  })

function offer(worker: ServiceWorker): void {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Update: reload'
  button.addEventListener('click', () => worker.postMessage({ type: 'SKIP_WAITING' }))
  document.querySelector('.site-update')?.replaceChildren(button)
}
