import { useEffect, useState } from 'preact/hooks'
import { answerText } from '../answer-text.ts'
import type { Invalidated, WholeEntry } from '../api.ts'
import { messageOf } from '../client.ts'
import { useDesk } from '../desk.ts'
import { bytes, millis, moment, nothing } from '../format.ts'
import { Dialog } from './dialog.tsx'
import { EntryFacts } from './entries.tsx'

interface EntryDialogProps {
  readonly entryKey: string
  readonly onClose: () => void
}

/** An entry with its whole answer, and the button that takes it out. */
export function EntryDialog({ entryKey, onClose }: EntryDialogProps) {
  const { client, refresh } = useDesk()
  const [entry, setEntry] = useState<WholeEntry>()
  const [failure, setFailure] = useState<string>()
  const [step, setStep] = useState<'looking' | 'asking' | 'running' | 'gone'>('looking')

  useEffect(() => {
    const left = new AbortController()
    client
      .get<WholeEntry>(`cache/entries/${encodeURIComponent(entryKey)}`, left.signal)
      .then(setEntry, (error: unknown) => {
        if (!left.signal.aborted) setFailure(messageOf(error))
      })
    return () => left.abort()
  }, [client, entryKey])

  const invalidate = async () => {
    setStep('running')
    setFailure(undefined)
    try {
      const { count } = await client.send<Invalidated>('POST', 'cache/invalidate', { key: entryKey })
      if (count === 0) setFailure('It had gone already.')
      setStep('gone')
      refresh()
    } catch (error) {
      setFailure(messageOf(error))
      setStep('looking')
    }
  }

  return (
    <Dialog title="Entry" wide onClose={onClose}>
      {(close) => (
        <>
          <div class="dialog-text">
            <code class="whole-key">{entryKey}</code>
            {entry === undefined ? failure === undefined && <p class="note">…</p> : <Whole entry={entry} />}
            {failure !== undefined && (
              <p class="failure" role="alert">
                {failure}
              </p>
            )}
            {step === 'gone' && (
              <p class="said" role="status">
                This entry is invalidated.
              </p>
            )}
          </div>
          <p class="dialog-buttons">
            {step === 'asking' && <span class="note">It is asked again and paid for next time.</span>}
            <button type="button" onClick={close}>
              Close
            </button>
            {entry !== undefined && step !== 'gone' && (
              <button
                type="button"
                class="danger"
                disabled={step === 'running'}
                onClick={() => (step === 'asking' ? void invalidate() : setStep('asking'))}
              >
                {step === 'asking' ? 'Yes, invalidate it' : 'Invalidate this entry'}
              </button>
            )}
          </p>
        </>
      )}
    </Dialog>
  )
}

function Whole({ entry }: { readonly entry: WholeEntry }) {
  const text = answerText(entry.body)
  const raw = typeof entry.body === 'string' ? undefined : JSON.stringify(entry.body, null, 2)
  return (
    <>
      <EntryFacts entry={entry} />
      <dl class="details">
        <Detail name="Provider" value={entry.provider ?? nothing} />
        <Detail name="Stored" value={moment(entry.storedAt)} />
        <Detail name="Fresh until" value={moment(entry.freshUntil)} />
        <Detail name="Gone after" value={moment(entry.expiresAt)} />
        <Detail name="Took" value={millis(entry.tookMs)} />
        <Detail name="Size" value={bytes(entry.bytes)} />
      </dl>
      {entry.text !== null && (
        <>
          <h3>Asked</h3>
          <p class="told">{entry.text}</p>
        </>
      )}
      <h3>Answer</h3>
      {text === undefined ? <pre>{raw}</pre> : <p class="told">{text}</p>}
      {text !== undefined && raw !== undefined && (
        <details>
          <summary>As the provider said it</summary>
          <pre>{raw}</pre>
        </details>
      )}
    </>
  )
}

function Detail({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
