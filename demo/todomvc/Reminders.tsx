import { useEffect } from 'react'
import { useRead } from 'tidemark/react'
import { describeDate, inAnHour } from './dates.ts'
import type { TodoEngine } from './engine.ts'
import { notify } from './notify.ts'

/** The due todos, until the person answers each. */
export function Reminders({ engine }: { readonly engine: TodoEngine }) {
  const reminders = useRead(engine, (read) => read.reminders.all())
  const titles = useRead(engine, (read) => read.reminders.all().map(({ id }) => read.todos.get(id)?.title ?? ''))
  useNotifications(engine)
  return (
    <section className="reminders" aria-label="Reminders" aria-live="polite">
      {reminders.map(({ id, due }, at) => (
        <div key={id} className="reminder">
          <p>
            <strong>{titles[at]}</strong> is due: {describeDate(due)}
          </p>
          <button type="button" className="button" onClick={() => engine.dispatch.mark({ id, completed: true })}>
            Done
          </button>
          <button type="button" className="button" onClick={() => engine.dispatch.setDue({ id, due: inAnHour() })}>
            In an hour
          </button>
          <button type="button" className="button" onClick={() => engine.dispatch.dismissReminder({ id })}>
            Dismiss
          </button>
        </div>
      ))}
    </section>
  )
}

function useNotifications(engine: TodoEngine): void {
  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    const notifyOfReminders = async (): Promise<void> => {
      for await (const event of engine.events({ after: engine.status.sequence, signal }))
        if (event.type === 'todoReminded')
          await notify(engine.read.todos.get(event.data.id)?.title ?? 'A todo is due', event.data.id)
    }
    // If the log can't be read, the status line says so, and only the note in the page is shown.
    notifyOfReminders().catch(() => {})
    return () => leaving.abort()
  }, [engine])
}
