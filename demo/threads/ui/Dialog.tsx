import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Icon } from './Icon.tsx'

interface Props {
  readonly title: string
  readonly close: () => void
  readonly children: ReactNode
  /** The title is only for screen readers. */
  readonly bare?: boolean
}

/** The dialog element of the browser, which keeps the focus, closes with Escape and returns the focus. */
export function Dialog({ title, close, children, bare = false }: Props) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current!
    if (!element.open) element.showModal()
    element.querySelector<HTMLElement>('input:checked, input')?.focus()
    return () => element.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard has Escape
    <dialog
      ref={dialog}
      className="dialog"
      data-bare={bare || undefined}
      aria-labelledby={id}
      onClose={close}
      onClick={(click) => click.target === dialog.current && close()}
    >
      <div className="dialog-body">
        <div className={bare ? 'visually-hidden' : 'dialog-head'}>
          <h2 id={id}>{title}</h2>
          {!bare && (
            <button type="button" className="plain" aria-label="Close" onClick={close}>
              <Icon name="close" />
            </button>
          )}
        </div>
        {children}
      </div>
    </dialog>
  )
}
