import { setTimeout as delay } from 'node:timers/promises'
import { Breaker } from '../core/breaker.ts'
import { foreverMs } from '../core/duration.ts'
import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import { type SwitchName, switchNames } from '../core/switch-names.ts'
import type { Store } from '../stores/store.ts'
import { decodeRecord, encodeRecord, lacks, merge, type SwitchRecord } from './switch-record.ts'

/** Other names for some of them. */
const aliases = { rag: 'retrieval' } as const

/** True: on unless it is switched off at run time. False: off, whatever is said at run time. */
export type SwitchSettings = { readonly [Name in SwitchName | keyof typeof aliases]?: boolean }

export interface SwitchesOptions {
  /** Whose switches: entries' namespace. Default: `default`. */
  readonly namespace?: string
  /** Default: all on. */
  readonly switches?: SwitchSettings
  /** The longest that the store may take to say or to write something, in milliseconds; no request waits. Default: 1,000. */
  readonly deadlineMs?: number
  /** Told `switched` of each change, and what fails. */
  readonly observe?: Observe
  readonly now?: () => number
}

/** How a switch stands in this process, and who says so. */
export interface SwitchState {
  readonly on: boolean
  readonly by: 'configuration' | 'runtime' | 'default'
}

const pollMs = 400
/** How long `start` waits for a store that does not answer yet. */
const startWithinMs = 1000
const startAgainMs = 25
/** Longer than what is done under it takes, and short enough to wait for when its holder has died. */
const leaseMs = 3000
const leaseAgainMs = 25

/** The switch of that name or other name; undefined when there is none. */
export function switchNamed(name: string): SwitchName | undefined {
  const full = Object.hasOwn(aliases, name) ? aliases[name as keyof typeof aliases] : name
  return switchNames.find((known) => known === full)
}

/**
 * Layers and kinds that are switched on and off while processes run; all that share the store follow within a second.
 *
 * What is switched at run time lies in the store, one small record a namespace, beside the entries and out of reach of
 * their invalidation. Each process looks at it every 400 ms, beside the traffic, and keeps what it has seen: a store that
 * fails changes nothing, and a record that has gone is written again by whoever still knows it. A change reads, merges
 * and writes under a lease, so that none is lost.
 * @throws RepriseError `invalid-option` for what is no switch
 */
export class Switches {
  readonly #store: Store
  readonly #key: string
  readonly #observe: Observe
  readonly #now: () => number
  readonly #configured = new Map<SwitchName, boolean>()
  readonly #reads: Breaker
  readonly #writes: Breaker
  #record: SwitchRecord = {}
  /** The record's bytes, as they last were in the store. */
  #seen: Uint8Array | undefined
  /** Nothing is off: then `isOn` has nothing to look up. */
  #allOn = true
  #off: ReadonlySet<string> = new Set()
  /** What writing failed with last. */
  #trouble: Error | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(store: Store, options: SwitchesOptions = {}) {
    const { namespace = 'default', switches = {}, deadlineMs = 1000, observe = ignore, now = Date.now } = options
    this.#store = store
    // Entries' keys begin with their namespace, which is never empty: none of them, no prefix and no pattern begins so.
    this.#key = `:switches:${namespace}`
    this.#observe = observe
    this.#now = now
    for (const [name, on] of Object.entries(switches)) {
      if (on === undefined) continue
      const known = checkSetting(name, on)
      // Said under both its names: off wins.
      this.#configured.set(known, on && this.#configured.get(known) !== false)
    }
    this.#reads = new Breaker({ part: 'switches', deadlineMs, observe, probe: () => store.get(this.#key) })
    this.#writes = new Breaker({
      part: 'switches-writes',
      deadlineMs,
      observe: (event) => {
        if (event.type === 'failed') this.#trouble = event.error
        observe(event)
      },
      probe: () => store.set('probe', new Uint8Array([1]), { ttlMs: 1000, tags: [] })
    })
    this.#apply()
  }

  /**
   * False while `cache` or the switch itself is off. Names that are no switches, such as those of kinds of your own, go
   * by `cache` alone.
   */
  isOn(name: string): boolean {
    return this.#allOn || !(this.#off.has('cache') || this.#off.has(name))
  }

  /** How each switch stands by itself: with `cache` off the others may still say that they are on. */
  states(): Readonly<Record<SwitchName, SwitchState>> {
    return Object.fromEntries(switchNames.map((name) => [name, this.#stateOf(name)])) as Record<SwitchName, SwitchState>
  }

  /**
   * Finds out how the switches stand, and goes on doing so. Never rejects: a store that says nothing within a second
   * is asked again beside the traffic.
   */
  async start(): Promise<void> {
    const patience = new AbortController()
    const over = delay(startWithinMs, undefined, { signal: patience.signal }).catch(() => {})
    await Promise.race([this.#firstLook(patience.signal), over])
    patience.abort()
    if (this.#store.ownProcessOnly !== true) this.#lookAgain()
  }

  /**
   * Switches in all processes that share the store; those whose configuration says off stay off.
   * @throws RepriseError `conflict` when this one's does, `invalid-option` for no switch; and the store's own errors,
   * after which nothing is switched here, though a late write may still come through
   */
  async set(name: SwitchName | keyof typeof aliases, on: boolean): Promise<void> {
    const known = checkSetting(name, on)
    if (on && this.#configured.get(known) === false) {
      throw new RepriseError(
        'conflict',
        `${known} is switched off by the configuration (switches: ${known}=off), and stays off at run time: change that setting and start anew`
      )
    }
    if (this.#closed) throw new RepriseError('store-closed', `${known}: the switches have been closed`)
    const untilMs = performance.now() + 2 * leaseMs
    try {
      while (!(await this.#write({ name: known, on }))) {
        if (performance.now() > untilMs) {
          throw new RepriseError('store-unavailable', `${known}: others are switching without end; try again`)
        }
        await delay(leaseAgainMs)
      }
    } catch (error) {
      // While the store is left out, what it said last says more than that it is left out.
      throw this.#writes.isOpen ? (this.#trouble ?? error) : error
    }
  }

  /** Looks no more; what is known stays as it is. To be called before the store is closed. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#reads.end()
    this.#writes.end()
  }

  /** A store that connects in the background fails until it has: nothing that is off may be on for its first requests. */
  async #firstLook(patience: AbortSignal): Promise<void> {
    while (!patience.aborted && !this.#closed) {
      try {
        await this.#learn(await this.#store.get(this.#key))
        return
      } catch {
        await delay(startAgainMs)
      }
    }
  }

  #lookAgain(): void {
    if (this.#closed) return
    this.#timer = setTimeout(async () => {
      try {
        // While the store is left out this fails without asking it, and the breaker asks ever more rarely.
        await this.#learn(await this.#reads.run('get', () => this.#store.get(this.#key)))
      } catch {
        // The breaker has told of it. What is known holds.
      }
      this.#lookAgain()
    }, pollMs).unref()
  }

  async #learn(bytes: Uint8Array | undefined): Promise<void> {
    if (this.#closed || isSame(bytes, this.#seen)) return
    const stored = this.#decode(bytes)
    this.#adopt(stored)
    if (!lacks(stored, this.#record)) this.#seen = bytes
    else await this.#write()
  }

  /** Brings the store's record and ours together, with a change or without; false when somebody else is at it. */
  #write(change?: Change): Promise<boolean> {
    // As one call: a lease that can still be had says nothing of whether anything can be written.
    return this.#writes.run('set', async () => {
      const lease = await this.#store.lease(this.#key, leaseMs)
      if (lease === undefined) return false
      try {
        const stored = this.#decode(await this.#store.get(this.#key))
        const known = merge(this.#record, stored)
        const next = change === undefined ? known : { ...known, [change.name]: this.#after(known, change) }
        if (lacks(stored, next)) {
          const bytes = encodeRecord(next)
          await this.#store.set(this.#key, bytes, { ttlMs: foreverMs, tags: [] })
          this.#seen = bytes
        }
        this.#adopt(next)
        return true
      } finally {
        // If this fails the lease runs out.
        await lease.release().catch(ignore)
      }
    })
  }

  /** Later than all that is known of the switch, even where clocks differ. */
  #after(known: SwitchRecord, { name, on }: Change): SwitchRecord[string] {
    return { on, atMs: Math.max(this.#now(), (known[name]?.atMs ?? 0) + 1) }
  }

  #decode(bytes: Uint8Array | undefined): SwitchRecord {
    if (bytes === undefined) return {}
    const record = decodeRecord(bytes)
    if (record !== undefined) return record
    const error = new Error(`corrupt record ${this.#key}`)
    this.#observe({ type: 'failed', part: 'switches', operation: 'decode', error })
    return {}
  }

  #adopt(record: SwitchRecord): void {
    if (this.#closed) return
    this.#record = merge(this.#record, record)
    this.#apply((name, on) => this.#observe({ type: 'switched', layer: name, on }))
  }

  #apply(changed: (name: SwitchName, on: boolean) => void = ignore): void {
    const before = this.#off
    const off = switchNames.filter((name) => !this.#stateOf(name).on)
    const others = Object.entries(aliases).filter(([, name]) => off.includes(name))
    this.#off = new Set([...off, ...others.map(([alias]) => alias)])
    this.#allOn = off.length === 0
    for (const name of switchNames) if (before.has(name) !== this.#off.has(name)) changed(name, !this.#off.has(name))
  }

  #stateOf(name: SwitchName): SwitchState {
    const configured = this.#configured.get(name)
    if (configured === false) return { on: false, by: 'configuration' }
    const switched = this.#record[name]
    if (switched !== undefined) return { on: switched.on, by: 'runtime' }
    return { on: true, by: configured === undefined ? 'default' : 'configuration' }
  }
}

interface Change {
  readonly name: SwitchName
  readonly on: boolean
}

function checkSetting(name: string, on: unknown): SwitchName {
  const known = switchNamed(name)
  if (known === undefined) {
    throw new RepriseError(
      'invalid-option',
      `switches: expected one of ${switchNames.join(', ')}, got ${JSON.stringify(name)}`
    )
  }
  if (typeof on !== 'boolean') {
    throw new RepriseError('invalid-option', `switches: ${name}: expected true or false, got ${JSON.stringify(on)}`)
  }
  return known
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0
}
