/** Whether the visitor can still be asked. A browser that refuses, or has no notifications, shows only the note in the page. */
export const canAsk = (): boolean => typeof Notification !== 'undefined' && Notification.permission === 'default'

/** Browsers show the question only for a click or a key. */
export const askToNotify = async (): Promise<void> => {
  await Notification.requestPermission()
}

/** Shows a notification if allowed. Each tab does so, and the browser shows only one of those with the same tag. */
export async function notify(title: string, tag: string): Promise<void> {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return
  try {
    const notification = new Notification(title, { tag })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  } catch {
    // Phones accept notifications only from a service worker.
    const registration = await navigator.serviceWorker?.getRegistration()
    await registration?.showNotification(title, { tag })
  }
}
