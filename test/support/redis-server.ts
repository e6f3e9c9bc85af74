import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'

export interface RedisServerOptions {
  readonly password?: string
  /** Speaks TLS only, with a certificate of its own authority: see `ca`. */
  readonly tls?: boolean
  /** As Redis has it: `20mb`. Nothing is evicted: a full server refuses to write. */
  readonly maxmemory?: string
  /** Default: what REPRISE_REDIS_SERVER names, or `redis-server`. */
  readonly binary?: string
  /** More of what `redis-server` takes: `['--cluster-enabled', 'yes']`. */
  readonly args?: readonly string[]
}

export interface RedisServer {
  /** Without the password. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** The authority's certificate as PEM, with `tls`. */
  readonly ca?: string
  /** Sends commands by a connection of its own, and gives back what the server says, as it says it. */
  ask(...commands: readonly string[]): Promise<string>
  /** Ends the server and removes its folder. */
  stop(): Promise<void>
  /** SIGKILL; {@link RedisServer.restart} brings an empty server back on the same port. */
  kill(): Promise<void>
  /** SIGSTOP: the port still takes connections, and nobody answers. */
  freeze(): void
  thaw(): void
  /** Starts the server again after `kill`, or ends it and starts it again. Nothing is kept. */
  restart(): Promise<void>
}

/** Starts a real Redis server on a free port of 127.0.0.1: `redis-server`, or what REPRISE_REDIS_SERVER names. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = temporaryFolder()
  const certificates = options.tls === true ? makeCertificates(folder) : undefined
  // Somebody else may take the port before the server does: then the next one.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      return await start(port, options, folder, certificates)
    } catch (error) {
      if (attempt < 3 && error instanceof Error && error.message.includes('has ended')) continue
      folder.remove()
      throw error
    }
  }
}

async function start(
  port: number,
  {
    password,
    tls = false,
    maxmemory,
    binary = process.env['REPRISE_REDIS_SERVER'] ?? 'redis-server',
    args: more = []
  }: RedisServerOptions,
  folder: TemporaryFolder,
  certificates: Certificates | undefined
): Promise<RedisServer> {
  const args = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder.path, ...more]
  if (password !== undefined) args.push('--requirepass', password)
  if (maxmemory !== undefined) args.push('--maxmemory', maxmemory, '--maxmemory-policy', 'noeviction')
  if (certificates === undefined) {
    args.push('--port', String(port))
  } else {
    args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no')
    args.push(
      '--tls-cert-file',
      certificates.certificate,
      '--tls-key-file',
      certificates.key,
      '--tls-ca-cert-file',
      certificates.authority
    )
  }

  let server = await launch()

  async function launch(): Promise<ChildProcess> {
    const child = spawn(binary, args, { stdio: 'ignore' })
    const failed = once(child, 'error').then(([error]) => {
      throw new Error(
        `these tests need a Redis server, and ${binary} cannot be started (${error}): apt-get install redis-server`
      )
    })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${binary} has ended with ${code} before it answered on port ${port}`)
    })
    // Both are of interest only until the server answers.
    for (const outcome of [failed, ended]) outcome.catch(() => {})
    try {
      await Promise.race([failed, ended, answers()])
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
    return child
  }

  async function answers(): Promise<void> {
    for (const untilMs = Date.now() + 10_000; Date.now() < untilMs; await delay(10)) {
      const answer = await ask('PING').catch(() => '')
      if (answer.includes('+PONG')) return
    }
    throw new Error(`the Redis server does not answer on port ${port}`)
  }

  async function ask(...commands: readonly string[]): Promise<string> {
    const ca = certificates === undefined ? undefined : readFileSync(certificates.authority)
    const socket = ca === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca })
    socket.setNoDelay()
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString()
    })
    const closed = once(socket, 'close')
    for (const command of [
      ...(password === undefined ? [] : [`AUTH ${JSON.stringify(password)}`]),
      ...commands,
      'QUIT'
    ]) {
      socket.write(`${command}\r\n`)
    }
    await closed
    return answer
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGCONT')
    server.kill(signal)
    await exited
  }

  return {
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid ?? -1
    },
    ...(certificates === undefined ? {} : { ca: readFileSync(certificates.authority, 'utf8') }),
    ask,
    async stop() {
      await end('SIGKILL')
      folder.remove()
    },
    kill: () => end('SIGKILL'),
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    async restart() {
      await end('SIGKILL')
      server = await launch()
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

interface Certificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** An authority that nobody knows, and a certificate of it for 127.0.0.1 and localhost. */
function makeCertificates({ path }: TemporaryFolder): Certificates {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: path, stdio: 'ignore' })
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Reprise tests', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-addext',
    'subjectAltName=IP:127.0.0.1,DNS:localhost',
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-keyout',
    'server.key',
    '-out',
    'server.pem'
  )
  return { authority: join(path, 'ca.pem'), certificate: join(path, 'server.pem'), key: join(path, 'server.key') }
}
