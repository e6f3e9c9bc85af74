import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { useDesk } from '../desk.ts'
import type { Part } from '../use-live.ts'

interface PanelProps {
  readonly title: string
  /** What the heading is about, small beside it. */
  readonly note?: ComponentChildren
  readonly actions?: ComponentChildren
  readonly className?: string
  readonly children: ComponentChildren
}

/** A part of the page under a heading of its own. */
export function Panel({ title, note, actions, className = '', children }: PanelProps) {
  const id = useId()
  return (
    <section class={`panel ${className}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span class="note">{note}</span>}
        {actions}
      </header>
      {children}
    </section>
  )
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** Stands where something needs the admin token. */
export function Locked() {
  const { askForToken } = useDesk()
  return (
    <p class="empty">
      Needs the admin token.{' '}
      <button type="button" class="link" onClick={askForToken}>
        Enter it
      </button>
    </p>
  )
}

interface WithProps<Said> {
  readonly part: Part<Said>
  readonly children: (said: Said) => ComponentChildren
}

/** What a part of the interface has said, or why it has not. */
export function With<Said>({ part, children }: WithProps<Said>) {
  if (part.state === 'there') return <>{children(part.said)}</>
  if (part.state === 'locked') return <Locked />
  if (part.state === 'failed') return <Empty>{part.message}</Empty>
  return <Empty>…</Empty>
}
