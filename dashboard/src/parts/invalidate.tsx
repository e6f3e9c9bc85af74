import { useId, useState } from 'preact/hooks'
import type { Invalidated } from '../api.ts'
import { messageOf } from '../client.ts'
import { useDesk } from '../desk.ts'
import { count } from '../format.ts'
import { Confirm } from './dialog.tsx'
import { Locked, Panel } from './panel.tsx'

const ways = ['tag', 'prefix', 'pattern', 'model', 'kind', 'key', 'all'] as const
type Way = (typeof ways)[number]

const hints: Readonly<Record<Way, string>> = {
  tag: 'masterplan:42',
  prefix: 'llm:gpt-4o:',
  pattern: 'llm:gpt-4o*:*',
  model: 'gpt-4o',
  kind: 'llm, embedding, retrieval, value',
  key: 'kind:model:hash',
  all: ''
}

interface Planned {
  readonly selection: Readonly<Record<string, string | true>>
  readonly what: string
  readonly all: boolean
  readonly count: number
}

/** Takes entries out: first how many that would be, then for good. */
export function Invalidate({ locked }: { readonly locked: boolean }) {
  const { client, refresh } = useDesk()
  const [way, setWay] = useState<Way>('tag')
  const [value, setValue] = useState('')
  const [planned, setPlanned] = useState<Planned>()
  const [said, setSaid] = useState('')
  const [failure, setFailure] = useState<string>()
  const [counting, setCounting] = useState(false)
  const id = useId()
  const all = way === 'all'
  const ready = !counting && (all || value.trim() !== '')

  const plan = async () => {
    const selection = all ? { all: true as const } : { [way]: value.trim() }
    const what = all ? 'all entries' : `entries by ${way} “${value.trim()}”`
    setSaid('')
    setFailure(undefined)
    setCounting(true)
    try {
      const dry = await client.send<Invalidated>('POST', 'cache/invalidate', { ...selection, dryRun: true })
      if (dry.count === 0) setSaid(`No ${what.replace(/^all /, '')}: nothing to invalidate.`)
      else setPlanned({ selection, what, all, count: dry.count })
    } catch (error) {
      setFailure(messageOf(error))
    }
    setCounting(false)
  }
  const run = async ({ selection, what }: Planned) => {
    const gone = await client.send<Invalidated>('POST', 'cache/invalidate', selection)
    setSaid(`${entries(gone.count)} invalidated: ${what}.`)
    refresh()
  }

  return (
    <Panel title="Invalidate" note="counted before anything goes">
      {locked ? (
        <Locked />
      ) : (
        <form
          class="invalidate"
          onSubmit={(event) => {
            event.preventDefault()
            if (ready) void plan()
          }}
        >
          <p class="field">
            <label for={`${id}-way`}>By</label>
            <select id={`${id}-way`} value={way} onChange={(event) => setWay(event.currentTarget.value as Way)}>
              {ways.map((name) => (
                <option key={name} value={name}>
                  {name === 'all' ? 'everything' : name}
                </option>
              ))}
            </select>
          </p>
          {!all && (
            <p class="field grow">
              <label for={`${id}-value`}>{way === 'key' ? 'Key' : `Which ${way}`}</label>
              <input
                id={`${id}-value`}
                value={value}
                placeholder={hints[way]}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => setValue(event.currentTarget.value)}
              />
            </p>
          )}
          <button type="submit" disabled={!ready}>
            {counting ? 'Counting…' : 'Count'}
          </button>
        </form>
      )}
      <p class="said" role="status">
        {said}
      </p>
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {planned !== undefined && (
        <Confirm
          title={`Invalidate ${entries(planned.count)}?`}
          action={`Invalidate ${entries(planned.count)}`}
          {...(planned.all ? { word: 'all' } : {})}
          run={() => run(planned)}
          onClose={() => setPlanned(undefined)}
        >
          <p>
            A dry run found <strong>{entries(planned.count)}</strong>: {planned.what}. What goes does not come back; the
            next request is asked again and paid for.
          </p>
        </Confirm>
      )}
    </Panel>
  )
}

function entries(number: number): string {
  return `${count(number)} ${number === 1 ? 'entry' : 'entries'}`
}
