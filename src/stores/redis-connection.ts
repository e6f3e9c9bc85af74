import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, RepriseError } from '../core/errors.ts'
import { type RedisScript, runScript } from '../core/redis-script.ts'
import type { RedisAddress } from './redis-address.ts'

/** TLS with a server whose certificate is signed by a private authority, or that asks for one. All as PEM. */
export interface RedisTls {
  readonly ca?: string | Uint8Array
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** False trusts whoever answers. Default: true. */
  readonly rejectUnauthorized?: boolean
}

export interface RedisConnectionOptions {
  readonly address: RedisAddress
  readonly username?: string
  readonly password?: string
  readonly tls?: RedisTls
  readonly connectTimeoutMs: number
}

export type RedisArgument = string | Buffer

type RedisModule = typeof import('@redis/client')
type RedisClient = ReturnType<typeof createRedisClient>

/** Silence for so long, and the connection is given up: packets that vanish end no connection by themselves. */
const silentMs = 3000
const heartbeatMs = 1000
/** How long `close` waits for the server. */
const closeWithinMs = 1000

/**
 * One connection, made in the background and made again for as long as it is wanted. A call fails at once while
 * there is none.
 */
export class RedisConnection {
  readonly #redis: RedisModule
  readonly #options: RedisConnectionOptions
  readonly #where: string
  readonly #heartbeat: NodeJS.Timeout
  #client: RedisClient
  #lastError: unknown = new Error('the connection is still being made')
  #askedAtMs: number | undefined

  constructor(redis: RedisModule, options: RedisConnectionOptions) {
    this.#redis = redis
    this.#options = options
    const { host, port } = options.address
    this.#where = `Redis at ${isIP(host) === 6 ? `[${host}]` : host}:${port}`
    this.#client = this.#connect()
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref()
  }

  /** Sends one command; its reply, in which texts are Buffers. */
  async send(args: readonly RedisArgument[]): Promise<unknown> {
    if (!this.#client.isReady) throw this.#failure('is not connected', this.#lastError)
    try {
      return await this.#client.sendCommand([...args])
    } catch (error) {
      const { ErrorReply, DisconnectsClientError } = this.#redis
      if (error instanceof ErrorReply) throw this.#failure('refuses', error)
      throw this.#failure('has been lost', error instanceof DisconnectsClientError ? this.#lastError : error)
    }
  }

  /** Runs a script, and sends it along when the server does not know it: it forgets when it starts or is flushed. */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    return runScript<Buffer>((command) => this.send(command), script, keys, args)
  }

  /** The error of an answer that makes no sense. The connection is given up: the next ones could be anybody's. */
  nonsense(command: string): RepriseError {
    this.#connectAgain()
    return this.#failure('answers what it should not', new Error(`to ${command}`))
  }

  /** Waits a moment for the replies that are due. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    const client = this.#client
    if (client.isReady) await Promise.race([client.close(), delay(closeWithinMs, undefined, { ref: false })])
    client.destroy()
  }

  /** Waits for nothing: calls under way fail. */
  drop(): void {
    clearInterval(this.#heartbeat)
    this.#client.destroy()
  }

  #connect(): RedisClient {
    const client = createRedisClient(this.#redis, this.#options)
    client.on('error', (error: unknown) => {
      this.#lastError = error
      // An error on a connection that stands is an answer that cannot be read. Those after it could be taken for
      // answers to other questions, so that none of them may be read.
      if (client === this.#client && client.isReady && !(error instanceof this.#redis.ErrorReply)) this.#connectAgain()
    })
    client.connect().catch(() => {})
    return client
  }

  #connectAgain(): void {
    const old = this.#client
    this.#askedAtMs = undefined
    this.#client = this.#connect()
    old.destroy()
  }

  /** Node's own timeout of a socket is no help: whatever is written counts as life. */
  #beat(): void {
    if (!this.#client.isReady) return
    if (this.#askedAtMs === undefined) {
      const client = this.#client
      const answered = (): void => {
        if (client === this.#client) this.#askedAtMs = undefined
      }
      this.#askedAtMs = performance.now()
      // Any answer will do, also that PING is not allowed.
      client.sendCommand(['PING']).then(answered, answered)
    } else if (performance.now() - this.#askedAtMs > silentMs) {
      this.#lastError = new Error(`no answer for ${silentMs} ms`)
      this.#connectAgain()
    }
  }

  #failure(what: string, cause: unknown): RepriseError {
    return new RepriseError('store-unavailable', `${this.#where} ${what}: ${reasonOf(cause)}`, { cause })
  }
}

/** Of several addresses that all failed, Node's error has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return [...new Set(error.errors.map(messageOf))].join(', ')
  return messageOf(error)
}

function createRedisClient(
  redis: RedisModule,
  { address, username, password, tls, connectTimeoutMs }: RedisConnectionOptions
) {
  const { host, port, isTls, database } = address
  const socket = {
    host,
    port,
    connectTimeout: connectTimeoutMs,
    // For the handshake; later there is the heartbeat.
    socketTimeout: silentMs,
    reconnectStrategy: (retries: number) => Math.min(50 * (retries + 1), 1000) * (0.8 + 0.4 * Math.random())
  }
  return redis.createClient({
    socket: isTls ? { ...socket, ...tlsOptions(host, tls), tls: true } : socket,
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    RESP: 3,
    // The client's own timeout costs three quarters of the throughput, and the callers have a deadline.
    commandOptions: { timeout: 0, typeMapping: { [redis.RESP_TYPES.BLOB_STRING]: Buffer } },
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled'
  })
}

function tlsOptions(host: string, { ca, cert, key, rejectUnauthorized }: RedisTls = {}) {
  return {
    // Many names may live at one address, and Node does not say which is meant unless told.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized })
  }
}
