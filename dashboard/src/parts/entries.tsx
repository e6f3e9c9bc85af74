import { useEffect, useId, useState } from 'preact/hooks'
import type { Entry, Entries as Said } from '../api.ts'
import { messageOf } from '../client.ts'
import { useDesk } from '../desk.ts'
import { compact, count, dollars, moment, relative } from '../format.ts'
import { Empty, Locked, Panel } from './panel.tsx'
import { ShortKey } from './short-key.tsx'

interface Sought {
  readonly text: string
  readonly tag: string
  readonly model: string
  readonly kind: string
}

const limit = 50
/** What is shown before anybody searches: any few, which a store has without looking far. */
const firstLimit = 6

/** Looks for entries, and shows any few until somebody does. */
export function Entries({ locked }: { readonly locked: boolean }) {
  const { client } = useDesk()
  const [sought, setSought] = useState<Sought>({ text: '', tag: '', model: '', kind: '' })
  const [found, setFound] = useState<Said>()
  const [failure, setFailure] = useState<string>()
  const [looking, setLooking] = useState(false)

  const look = async (most: number) => {
    const query = new URLSearchParams({ limit: `${most}` })
    for (const [name, value] of Object.entries(sought)) if (value.trim() !== '') query.set(name, value.trim())
    setFailure(undefined)
    setLooking(true)
    try {
      setFound(await client.get<Said>(`cache/entries?${query}`))
    } catch (error) {
      setFailure(messageOf(error))
    }
    setLooking(false)
  }

  useEffect(() => {
    if (!locked) void look(firstLimit)
  }, [client, locked])

  return (
    <Panel title="Entries" note={found && <Looked found={found} />}>
      {locked ? (
        <Locked />
      ) : (
        <>
          <search>
            <form
              class="search"
              aria-label="Entries"
              onSubmit={(event) => {
                event.preventDefault()
                if (!looking) void look(limit)
              }}
            >
              <Field label="Text" value={sought.text} onInput={(text) => setSought({ ...sought, text })} />
              <Field label="Tag" value={sought.tag} onInput={(tag) => setSought({ ...sought, tag })} />
              <Field label="Model" value={sought.model} onInput={(model) => setSought({ ...sought, model })} />
              <Field label="Kind" value={sought.kind} onInput={(kind) => setSought({ ...sought, kind })} kinds />
              <button type="submit" class="primary" disabled={looking}>
                {looking ? 'Looking…' : 'Search'}
              </button>
            </form>
          </search>
          {failure !== undefined && (
            <p class="failure" role="alert">
              {failure}
            </p>
          )}
          {found === undefined ? (
            failure === undefined && <Empty>…</Empty>
          ) : found.entries.length === 0 ? (
            <Empty>{found.looked === 0 ? 'There is no entry yet.' : 'Nothing found.'}</Empty>
          ) : (
            <ul class="entries">
              {found.entries.map((entry) => (
                <Item key={entry.key} entry={entry} />
              ))}
            </ul>
          )}
        </>
      )}
    </Panel>
  )
}

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly kinds?: boolean
}

function Field({ label, value, onInput, kinds = false }: FieldProps) {
  const id = useId()
  return (
    <p class="field grow">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        autocomplete="off"
        spellcheck={false}
        list={kinds ? `${id}-kinds` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {kinds && (
        <datalist id={`${id}-kinds`}>
          {['llm', 'embedding', 'retrieval', 'value'].map((kind) => (
            <option key={kind} value={kind} />
          ))}
        </datalist>
      )}
    </p>
  )
}

function Looked({ found: { entries, looked, truncated } }: { readonly found: Said }) {
  return (
    <span role="status">
      {truncated ? 'the first ' : ''}
      {count(entries.length)} of {count(looked)} looked at
    </span>
  )
}

function Item({ entry }: { readonly entry: Entry }) {
  const { openEntry } = useDesk()
  return (
    <li>
      <button type="button" class="entry" onClick={() => openEntry(entry.key)}>
        <span class="entry-text">{entry.text ?? <ShortKey entryKey={entry.key} />}</span>
        <span class="entry-answer">{entry.answer}</span>
        <EntryFacts entry={entry} />
      </button>
    </li>
  )
}

/** What is known of an entry, in a line. */
export function EntryFacts({ entry }: { readonly entry: Entry }) {
  const tokens = entry.inputTokens === null && entry.outputTokens === null
  return (
    <span class="facts">
      <span class={`badge ${entry.state === 'fresh' ? 'good' : 'warn'}`}>{entry.state}</span>
      <span title={moment(entry.storedAt)}>{relative(entry.storedAt)}</span>
      <span class="long">{[entry.kind, entry.model].filter(Boolean).join(' · ')}</span>
      {!tokens && (
        <span title="Tokens asked and answered">
          {compact(entry.inputTokens)} → {compact(entry.outputTokens)} tokens
        </span>
      )}
      {entry.costUsd !== null && <span>{dollars(entry.costUsd)}</span>}
      {entry.tags.map((tag) => (
        <span class="tag" key={tag}>
          {tag}
        </span>
      ))}
    </span>
  )
}
