/** Whether the page can still ask to show notifications. Without permission, only the note in the page is shown. */
export const canAsk = (): boolean => typeof Notification !== 'undefined' && Notification.permission === 'default'

/** Asks to show notifications. Call it from a click or a key press: otherwise browsers do not ask. */
export const askToNotify = async (): Promise<void> => {
  await Notification.requestPermission()
}

/** Shows a notification if allowed. Each tab calls this, and the browser shows one notification per tag. */
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
