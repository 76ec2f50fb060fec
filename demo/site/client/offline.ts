/** Keeps the site for offline use, unless the visitor saves data. A new build is offered, and taken in all tabs at once. */
export async function keepOffline(): Promise<void> {
  const { serviceWorker } = navigator
  const { connection } = navigator as { readonly connection?: { readonly saveData?: boolean } }
  if (import.meta.env.DEV || !serviceWorker || connection?.saveData) return
  const hadOne = serviceWorker.controller !== null
  // Other tabs take the new build, too: their files are gone with the old one.
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
    // Blocked by the browser, or the page is not secure: the site works online.
  }
}

/** The page comes first: what is kept for later is fetched when it is there. */
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
