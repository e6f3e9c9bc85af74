import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { messageOf } from '../client.ts'

interface DialogProps {
  readonly title: string
  readonly wide?: boolean
  readonly onClose: () => void
  readonly children: (close: () => void) => ComponentChildren
}

/** A modal dialog; it gives the focus back to where it was. */
export function Dialog({ title, wide = false, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = box.current
    if (element === null) return
    element.showModal()
    // A click beside the dialog's box meets the dialog itself.
    const leave = (event: MouseEvent) => event.target === element && element.close()
    element.addEventListener('mousedown', leave)
    return () => element.removeEventListener('mousedown', leave)
  }, [])
  const close = () => box.current?.close()
  return (
    <dialog ref={box} class={wide ? 'wide' : ''} aria-labelledby={id} onClose={onClose}>
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={close}>
            ✕
          </button>
        </header>
        {children(close)}
      </div>
    </dialog>
  )
}

interface ConfirmProps {
  readonly title: string
  readonly children: ComponentChildren
  /** What is going to be done, on the button. */
  readonly action: string
  /** What must be typed before it can be done. */
  readonly word?: string
  readonly run: () => Promise<void>
  readonly onClose: () => void
}

/** Asks before something is done, and says so when that has failed. */
export function Confirm({ title, children, action, word, run, onClose }: ConfirmProps) {
  const [typed, setTyped] = useState('')
  const [failure, setFailure] = useState<string>()
  const [running, setRunning] = useState(false)
  const ready = !running && (word === undefined || typed.trim() === word)
  const id = useId()
  return (
    <Dialog title={title} onClose={onClose}>
      {(close) => (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (!ready) return
            setRunning(true)
            setFailure(undefined)
            run()
              .then(close)
              .catch((error: unknown) => setFailure(messageOf(error)))
              .finally(() => setRunning(false))
          }}
        >
          <div class="dialog-text">{children}</div>
          {word !== undefined && (
            <p class="field">
              <label for={id}>
                Type <strong>{word}</strong> to confirm
              </label>
              <input
                id={id}
                value={typed}
                autocomplete="off"
                onInput={(event) => setTyped(event.currentTarget.value)}
              />
            </p>
          )}
          {failure !== undefined && (
            <p class="failure" role="alert">
              {failure}
            </p>
          )}
          <p class="dialog-buttons">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" class="danger" disabled={!ready}>
              {action}
            </button>
          </p>
        </form>
      )}
    </Dialog>
  )
}
