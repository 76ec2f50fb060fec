import { type FormEvent, useId, useState } from 'react'
import { describeError } from '../../ui/describeError.ts'
import { Icon } from './Icon.tsx'

interface Props {
  readonly label: string
  readonly send: (prompt: string) => Promise<void>
  /** Stops the turn that runs. */
  readonly stop?: (() => void) | undefined
  readonly suggestions?: readonly string[]
}

export function Composer({ label, send, stop, suggestions = [] }: Props) {
  const [prompt, setPrompt] = useState('')
  const [problem, setProblem] = useState('')
  const id = useId()
  const submit = async (event?: FormEvent): Promise<void> => {
    event?.preventDefault()
    if (!prompt.trim()) return
    setPrompt('')
    setProblem('')
    try {
      await send(prompt)
    } catch (error) {
      setPrompt(prompt)
      setProblem(`Not sent: ${describeError(error)}.`)
    }
  }
  return (
    <form className="composer" onSubmit={submit}>
      {suggestions.length > 0 && (
        <ul className="suggestions" aria-label="Examples">
          {suggestions.map((text) => (
            <li key={text}>
              <button
                type="button"
                onClick={() => {
                  setPrompt(text)
                  document.getElementById(id)?.focus()
                }}
              >
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
      {problem && <p role="alert">{problem}</p>}
      <div className="composer-box">
        <textarea
          id={id}
          rows={1}
          aria-label={label}
          placeholder={label}
          value={prompt}
          onChange={(change) => setPrompt(change.target.value)}
          onKeyDown={(pressed) => {
            if (pressed.key !== 'Enter' || pressed.shiftKey || pressed.nativeEvent.isComposing) return
            pressed.preventDefault()
            submit()
          }}
        />
        {stop && (
          <button type="button" className="round" data-kind="stop" aria-label="Stop the turn" onClick={stop}>
            <Icon name="stop" />
          </button>
        )}
        <button type="submit" className="round" aria-label="Send" aria-disabled={!prompt.trim()}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  )
}
