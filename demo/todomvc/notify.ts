/** Can the visitor still be asked? A browser that is never asked again, or has no notifications, shows the note in the page only. */
export const canAsk = (): boolean => typeof Notification !== 'undefined' && Notification.permission === 'default'

/** Browsers show the question only for a click or a key. */
export const askToNotify = async (): Promise<void> => {
  await Notification.requestPermission()
}

/** Shows it where it is allowed. Each tab does: of notifications with one tag, a browser shows one. */
export async function notify(title: string, tag: string): Promise<void> {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return
  try {
    const notification = new Notification(title, { tag })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  } catch {
    // A phone takes them from a service worker only.
    const registration = await navigator.serviceWorker?.getRegistration()
    await registration?.showNotification(title, { tag })
  }
}
