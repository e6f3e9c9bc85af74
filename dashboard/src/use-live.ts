import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Budgets, Health, History, Providers, Range, Scope, Statistics, StoreSize, Switches } from './api.ts'
import { type ApiError, type Client, mayNot, messageOf } from './client.ts'
import { type Connection, Poller } from './poller.ts'

/** What one of the interface's parts has said: nothing yet, that it needs the token, an error, or what it is for. */
export type Part<Said> =
  | { readonly state: 'waiting' }
  | Refused
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'there'; readonly said: Said }

/** Whoever asks may not; `why` where another token would not help. */
export interface Refused {
  readonly state: 'locked'
  readonly why?: string
}

export interface Live {
  readonly statistics: Statistics | undefined
  readonly history: History | undefined
  readonly health: Part<Health>
  readonly providers: Part<Providers>
  readonly budgets: Part<Budgets>
  readonly switches: Part<Switches>
  readonly store: Part<StoreSize>
}

export interface LiveState extends Live {
  readonly connection: Connection
  readonly updatedAtMs: number | undefined
  /** The gateway wants a token, or another one; undefined when it does not. */
  readonly refused: Refused | undefined
  /** Asks everything anew at once. */
  refresh(): void
}

const everyMs = 2000
const longestMs = 30_000
/** State, budgets, switches and size change slower than traffic: they are asked with each fifth question. */
const partsEvery = 5

const waiting = { state: 'waiting' } as const
const nothingYet: Live = {
  statistics: undefined,
  history: undefined,
  health: waiting,
  providers: waiting,
  budgets: waiting,
  switches: waiting,
  store: waiting
}

/** What the gateway says, kept up to date while the page is visible. */
export function useLive(client: Client, scope: Scope, range: Range): LiveState {
  const [live, setLive] = useState<Live>(nothingYet)
  const [connection, setConnection] = useState<Connection>({ state: 'starting' })
  const [updatedAtMs, setUpdatedAtMs] = useState<number>()
  const [refused, setRefused] = useState<Refused>()
  const refreshing = useRef<() => void>(() => {})

  useEffect(() => {
    let turn = 0
    // A gateway that has refused the token is not shown it again every few seconds.
    let no: Refused | undefined
    const ask = async (signal: AbortSignal) => {
      const wantsParts = turn++ % partsEvery === 0
      const [traffic, parts] = await Promise.all([
        askTraffic(client, scope, range, signal),
        wantsParts ? askParts(client, no, signal) : undefined
      ]).catch((error: unknown) => {
        // Whoever comes back may be another one, in another state.
        turn = 0
        throw error
      })
      if ('state' in traffic) no = traffic
      else if (parts?.providers.state === 'locked') no = parts.providers
      setRefused(no)
      setLive((before) => ({ ...before, ...('state' in traffic ? {} : traffic), ...parts }))
      setUpdatedAtMs(Date.now())
    }
    const poller = new Poller({ ask, report: setConnection, everyMs, longestMs })
    const look = () => (document.visibilityState === 'hidden' ? poller.hide() : poller.show())
    refreshing.current = () => {
      turn = 0
      poller.now()
    }
    document.addEventListener('visibilitychange', look)
    look()
    poller.now()
    return () => {
      document.removeEventListener('visibilitychange', look)
      poller.stop()
    }
  }, [client, scope, range])

  const refresh = useCallback(() => refreshing.current(), [])
  return { ...live, connection, updatedAtMs, refused, refresh }
}

type Traffic = Pick<Live, 'statistics' | 'history'>

async function askTraffic(client: Client, scope: Scope, range: Range, signal: AbortSignal): Promise<Traffic | Refused> {
  const ofFleet = scope === 'fleet' ? 'scope=fleet' : ''
  try {
    const [statistics, history] = await Promise.all([
      client.get<Statistics>(query('metrics/cache/statistics', ofFleet), signal),
      client.get<History>(query('metrics/cache/history', ofFleet, range === 'day' ? 'range=day' : ''), signal)
    ])
    return { statistics, history }
  } catch (error) {
    if (mayNot(error)) return refusal(error)
    throw error
  }
}

/** A token may help where one is wanted, and nowhere else. */
function refusal({ status, message }: ApiError): Refused {
  return status === 401 ? { state: 'locked' } : { state: 'locked', why: message }
}

function query(path: string, ...said: readonly string[]): string {
  const given = said.filter((one) => one !== '')
  return given.length === 0 ? path : `${path}?${given.join('&')}`
}

type Parts = Omit<Live, 'statistics' | 'history'>

async function askParts(client: Client, refused: Refused | undefined, signal: AbortSignal): Promise<Parts> {
  async function part<Said>(path: string, open = false): Promise<Part<Said>> {
    if (refused !== undefined && !open) return refused
    try {
      return { state: 'there', said: await client.get<Said>(path, signal) }
    } catch (error) {
      return mayNot(error) ? refusal(error) : { state: 'failed', message: messageOf(error) }
    }
  }
  const [health, providers, budgets, switches, store] = await Promise.all([
    part<Health>('health', true),
    part<Providers>('providers'),
    part<Budgets>('budgets'),
    part<Switches>('switches'),
    part<StoreSize>('store')
  ])
  return { health, providers, budgets, switches, store }
}
