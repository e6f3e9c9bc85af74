import { useState } from 'preact/hooks'
import type { Switches as Said, SwitchState } from '../api.ts'
import { messageOf } from '../client.ts'
import { useDesk } from '../desk.ts'
import type { Part } from '../use-live.ts'
import { Confirm } from './dialog.tsx'
import { Panel, With } from './panel.tsx'

const meanings: Readonly<Record<string, string>> = {
  cache: 'everything',
  llm: 'answers of language models',
  embedding: 'embeddings',
  retrieval: 'what searches find',
  value: 'values of your own',
  exact: 'identical requests',
  semantic: 'requests that mean the same',
  'single-flight': 'one call for those who ask the same at once'
}

const groups: readonly (readonly [string, readonly string[]])[] = [
  ['All', ['cache']],
  ['Layers', ['exact', 'semantic', 'single-flight']],
  ['Kinds', ['llm', 'embedding', 'retrieval', 'value']]
]

export function Switches({ switches }: { readonly switches: Part<Said> }) {
  return (
    <Panel title="Switches">
      <With part={switches}>{(said) => <List switches={said.switches} />}</With>
    </Panel>
  )
}

function List({ switches }: { readonly switches: Said['switches'] }) {
  const { client, refresh } = useDesk()
  const [asked, setAsked] = useState<string>()
  const [failure, setFailure] = useState<string>()
  const turn = async (name: string, on: boolean) => {
    setFailure(undefined)
    await client.send('PUT', `switches/${encodeURIComponent(name)}`, { on })
    refresh()
  }
  const known = new Set(groups.flatMap(([, names]) => names))
  const others = Object.keys(switches).filter((name) => !known.has(name))
  return (
    <>
      {[...groups, ['Others', others] as const].map(([title, names]) => {
        const there = names.filter((name) => Object.hasOwn(switches, name))
        return (
          there.length > 0 && (
            <div class="switch-group" key={title}>
              <h3>{title}</h3>
              <ul class="switches">
                {there.map((name) => (
                  <Row
                    key={name}
                    name={name}
                    state={switches[name] as SwitchState}
                    onTurn={(on) =>
                      on ? turn(name, true).catch((error: unknown) => setFailure(messageOf(error))) : setAsked(name)
                    }
                  />
                ))}
              </ul>
            </div>
          )
        )
      })}
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {asked !== undefined && (
        <Confirm
          title={`Switch off ${asked}?`}
          action="Switch off"
          run={() => turn(asked, false)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            {asked === 'cache'
              ? 'Every request then goes to its provider, and is paid for.'
              : `The cache then does without ${asked} (${meanings[asked] ?? 'your own kind'}), in every process on this store.`}{' '}
            What is stored stays.
          </p>
        </Confirm>
      )}
    </>
  )
}

interface RowProps {
  readonly name: string
  readonly state: SwitchState
  readonly onTurn: (on: boolean) => void
}

function Row({ name, state: { on, by }, onTurn }: RowProps) {
  const fixed = !on && by === 'configuration'
  const id = `switch-${name}`
  return (
    <li>
      <span class="switch-name">
        <span id={id}>{name}</span>
        <span class="note" id={`${id}-note`}>
          {fixed
            ? 'Switched off by the configuration: cannot be switched on here.'
            : `${meanings[name] ?? 'a kind of your own'}${by === 'runtime' ? ', switched by hand' : by === 'configuration' ? ', by configuration' : ''}`}
        </span>
      </span>
      <button
        type="button"
        class="switch"
        role="switch"
        aria-checked={on}
        aria-labelledby={id}
        aria-describedby={`${id}-note`}
        disabled={fixed}
        onClick={() => onTurn(!on)}
      >
        <span class="switch-word">{on ? 'on' : 'off'}</span>
        <span class="switch-track" aria-hidden="true" />
      </button>
    </li>
  )
}
