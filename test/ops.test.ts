import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { environmentName, type Setting, settings } from '../src/config/settings.ts'
import { gauges, metrics } from '../src/metrics/prometheus-metrics.ts'
import { takeSteps } from './support/docker-steps.ts'
import { environmentOf, ignored, readDockerfile, type Stage } from './support/dockerfile.ts'
import { startRedisServer } from './support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const ops = join(root, 'ops')

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

let folder: TemporaryFolder
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => folder.remove())

/** Whether a tool is here; where CI insists on it, that it is not is an error and no reason to look away. */
function has(tool: string, insists?: string): boolean {
  const found = spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined
  if (!found && insists !== undefined && process.env[insists] === '1') throw new Error(`${insists}=1, and no ${tool}`)
  if (!found) console.warn(`There is no ${tool} here: what it would check of ops/ is left out.`)
  return found
}

const hasPromtool = has('promtool', 'REPRISE_REQUIRE_PROMTOOL')
const hasSystemd = has('systemd-analyze')
const settingNames = Object.entries<Setting>(settings).map(([name]) => environmentName(name))

describe('the image', () => {
  const stages = readDockerfile(read('ops/Dockerfile'))
  const last = stages.at(-1) as Stage
  const all = stages.flatMap(({ instructions }) => instructions)
  const isIgnored = ignored(read('.dockerignore'))

  it('is made of instructions that there are, from images of a named version, and fetches nothing by ADD', () => {
    const known = ['ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'RUN', 'STOPSIGNAL', 'USER']
    expect(
      [...new Set(all.map(({ name }) => name))].filter((name) => ![...known, 'VOLUME', 'WORKDIR'].includes(name))
    ).toEqual([])
    for (const { image } of stages) expect(image).toMatch(/^node:\d+-bookworm-slim$/)
  })

  it('is of a Node that the package is for', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
    const least = Number(/^>=(\d+)/.exec(engines.node)?.[1])
    for (const { image } of stages) expect(Number(/:(\d+)/.exec(image)?.[1])).toBeGreaterThanOrEqual(least)
  })

  it('takes each file from where it is, and none of what is left out', () => {
    const names = new Set(stages.map(({ name }) => name))
    for (const { name, flags, rest } of all) {
      if (name !== 'COPY') continue
      if (flags['from'] !== undefined) expect(names).toContain(flags['from'])
      else
        for (const path of rest.split(/\s+/).slice(0, -1))
          expect([path, existsSync(join(root, path)), isIgnored(path)]).toEqual([path, true, false])
    }
    for (const path of ['node_modules/yaml', 'dist', '.git/config', 'test/ops.test.ts', 'src/a/b.test.ts', 'ops/.env'])
      expect([path, isIgnored(path)]).toEqual([path, true])
    for (const path of ['src/cli/main.ts', 'tsconfig.build.json', 'src/testing/index.ts'])
      expect([path, isIgnored(path)]).toEqual([path, false])
  })

  it('runs as somebody who is not root, listens to all, stops by SIGTERM, and sets what there is to set', () => {
    const users = last.instructions.filter(({ name }) => name === 'USER')
    expect(users.map(({ rest }) => rest)).toEqual(['node'])
    expect(last.instructions.find(({ name }) => name === 'STOPSIGNAL')?.rest).toBe('SIGTERM')
    const environment = environmentOf(last)
    expect(environment).toMatchObject({ REPRISE_HOST: '0.0.0.0', NODE_ENV: 'production' })
    const own = Object.keys(environment).filter((name) => name.startsWith('REPRISE_'))
    expect(own.filter((name) => !settingNames.includes(name))).toEqual([])
    const port = last.instructions.find(({ name }) => name === 'EXPOSE')?.rest
    expect(environment['REPRISE_PORT']).toBe(port)
    const volume = last.instructions.find(({ name }) => name === 'VOLUME')?.rest ?? '?'
    expect(environment['REPRISE_STORE']).toContain(`embedded:${volume}/`)
    expect(environment['HOME']).toBe(volume)
  })

  it('starts from what its steps leave behind, is healthy while it runs, and ends when it is told to', async () => {
    const [install = ''] = stages[0]?.instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => rest) ?? []
    expect(install).toMatch(/^npm install /)
    const { workdir, environment, here } = await takeSteps(stages, {
      context: root,
      isIgnored,
      folder: join(folder.path, 'image'),
      // The tools that it is built with are here already; what it runs with is installed.
      installed: { [install]: join(root, 'node_modules') }
    })
    expect(existsSync(join(workdir, 'node_modules', 'lmdb'))).toBe(true)
    expect(existsSync(join(workdir, 'node_modules', 'vitest'))).toBe(false)

    const env = {
      PATH: process.env['PATH'] ?? '',
      ...environment,
      // As in the image, but for what would be reached from elsewhere.
      REPRISE_HOST: '127.0.0.1',
      REPRISE_PORT: String(await freePort()),
      REPRISE_ADMIN_TOKEN: 'of-this-test'
    }
    const exec = (name: string): string[] =>
      JSON.parse(last.instructions.find((each) => each.name === name)?.rest ?? '[]') as string[]
    const [node, main = '', ...flags] = [...exec('ENTRYPOINT'), ...exec('CMD')]
    expect(node).toBe('node')
    const check = last.instructions.find(({ name }) => name === 'HEALTHCHECK')?.rest.replace(/^CMD /, '')
    const [checkNode, ...checkFlags] = JSON.parse(check ?? '[]') as string[]
    expect(checkNode).toBe('node')
    const isHealthy = (): Promise<boolean> =>
      run(process.execPath, checkFlags, { env }).then(
        () => true,
        () => false
      )

    expect(await isHealthy()).toBe(false)
    const gateway = spawn(process.execPath, [here(main), ...flags], { cwd: workdir, env })
    let said = ''
    gateway.stderr.on('data', (chunk) => {
      said += chunk
    })
    const ended = once(gateway, 'exit')
    await Promise.race([once(gateway.stdout, 'data'), ended])
    expect([await isHealthy(), said]).toEqual([true, ''])
    expect(existsSync(here('/var/lib/reprise/store'))).toBe(true)
    gateway.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(await isHealthy()).toBe(false)
  }, 180_000)
})

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly image?: string
  readonly ports?: readonly string[]
  readonly networks?: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
}

describe('the composition', () => {
  const text = read('ops/compose.yaml')
  const { services, networks, volumes } = parse(text) as {
    services: Readonly<Record<string, Service>>
    networks: Readonly<Record<string, { readonly internal?: boolean } | null>>
    volumes: Readonly<Record<string, unknown>>
  }
  const entries = Object.entries(services)

  it('names only what is there: networks, volumes, folders, and services that say when they are well', () => {
    const used = { networks: new Set<string>(), volumes: new Set<string>() }
    for (const [name, service] of entries) {
      for (const network of service.networks ?? []) used.networks.add(network)
      for (const volume of service.volumes ?? []) {
        const [source = '', target = ''] = volume.split(':')
        expect(target).toMatch(/^\//)
        if (source.startsWith('.')) expect([source, existsSync(join(ops, source))]).toEqual([source, true])
        else used.volumes.add(source)
      }
      for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect([name, condition]).toEqual([name, 'service_healthy'])
        const checked = services[needed]
        expect([needed, checked?.healthcheck !== undefined || checked?.build !== undefined]).toEqual([needed, true])
      }
      const { build } = service
      if (build !== undefined) expect(existsSync(join(ops, build.context, build.dockerfile))).toBe(true)
      else expect(service.image).toMatch(/:v?\d+\.\d+/)
    }
    expect([...used.networks].sort()).toEqual(Object.keys(networks).sort())
    expect([...used.volumes].sort()).toEqual(Object.keys(volumes).sort())
  })

  it('is reached from this machine only, and its Redis by the gateway only', () => {
    for (const [name, { ports = [] }] of entries)
      for (const port of ports) expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)])
    expect(services['redis']?.ports).toBeUndefined()
    expect(services['redis']?.networks).toEqual(['store'])
    expect(networks['store']?.internal).toBe(true)
    const inIt = entries.filter(([, service]) => service.networks?.includes('store')).map(([name]) => name)
    expect(inIt).toEqual(['gateway', 'redis'])
  })

  it('holds no secret, and sets only what there is to set', () => {
    for (const [name, { environment = {} }] of entries)
      for (const [variable, value] of Object.entries(environment))
        if (/(TOKEN|KEY|PASSWORD|SECRET)$/.test(variable))
          expect([name, variable, value]).toEqual([name, variable, expect.stringMatching(/^\$\{\w+:[?-]/)])
    expect(services['gateway']?.environment?.['REPRISE_ADMIN_TOKEN']).toMatch(/^\$\{REPRISE_ADMIN_TOKEN:\?/)
    const own = Object.keys(services['gateway']?.environment ?? {})
    expect(own.filter((name) => !settingNames.includes(name))).toEqual([])
  })

  it('says in docs/operations.md what must be set and what may be', () => {
    const page = read('docs/operations.md')
    const variables = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))
    expect([...variables].filter((name) => !page.includes(name))).toEqual([])
  })

  it('starts a Redis that evicts as the store wants it, keeps what it was told, and is found well', async () => {
    const { command = [], healthcheck } = services['redis'] ?? {}
    expect(command[0]).toBe('redis-server')
    const args = command.slice(1).map((each) => each.replace(/^\$\{\w+:-(.*)\}$/, '$1'))
    const redis = await startRedisServer({ args })
    try {
      for (const [name, value] of Object.entries({
        'maxmemory-policy': 'volatile-ttl',
        maxmemory: '1073741824',
        appendonly: 'yes'
      }))
        expect(await redis.ask(`CONFIG GET ${name}`)).toContain(value)
      const [, check = ''] = healthcheck?.test ?? []
      // The same words to the port that it has here.
      const here = check.replace('redis-cli', `redis-cli -p ${redis.port}`)
      await run('sh', ['-c', here])
      await redis.kill()
      await expect(run('sh', ['-c', here])).rejects.toMatchObject({ code: 1 })
    } finally {
      await redis.stop()
    }
  })

  it('leads Prometheus to the gateway and Grafana to Prometheus and its dashboard', () => {
    const prometheus = parse(read('ops/prometheus/prometheus.yaml')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[]
    }
    const targets = prometheus.scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap((each) => each.targets)
    )
    const port = environmentOf(readDockerfile(read('ops/Dockerfile')).at(-1) as Stage)['REPRISE_PORT']
    expect(targets).toEqual([`gateway:${port}`])
    expect(services['gateway']?.ports).toEqual([expect.stringMatching(new RegExp(`:${port}$`))])
    const [config = ''] = services['prometheus']?.command ?? []
    expect(config).toBe('--config.file=/etc/prometheus/prometheus.yaml')
    expect(services['prometheus']?.volumes).toContain('./prometheus:/etc/prometheus:ro')

    const { datasources } = parse(read('ops/grafana/provisioning/datasources/prometheus.yaml')) as {
      datasources: { url: string; type: string }[]
    }
    expect(datasources).toMatchObject([{ url: 'http://prometheus:9090', type: 'prometheus' }])
    const { providers } = parse(read('ops/grafana/provisioning/dashboards/reprise.yaml')) as {
      providers: { options: { path: string } }[]
    }
    const { volumes: mounts = [], environment } = services['grafana'] ?? {}
    for (const { options } of providers) expect(mounts).toContain(`./grafana/dashboards:${options.path}:ro`)
    expect(mounts).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro')
    expect(environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(
      `${providers[0]?.options.path}/reprise.json`
    )
  })
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: { uid: string } }[]
}

const dashboard = JSON.parse(read('ops/grafana/dashboards/reprise.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { name: string; type: string; definition?: string }[] }
}
const alerts = parse(read('ops/prometheus/alerts.yaml')) as {
  groups: { rules: { alert?: string; record?: string; expr: string; labels?: Record<string, string> }[] }[]
}
const rules = alerts.groups.flatMap((group) => group.rules)

describe('the metrics that are watched', () => {
  const known = new Map<string, { labels: readonly string[]; type: string }>([
    ...metrics.map(({ name, labels, type }) => [name, { labels, type }] as const),
    ...Object.entries(gauges).map(([name, { labels }]) => [name, { labels, type: 'gauge' }] as const)
  ])
  const queries = [
    ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr }))),
    ...dashboard.templating.list.flatMap(({ name, definition }) =>
      definition === undefined ? [] : [{ where: name, expr: definition }]
    )
  ]

  it('are counted, under these names and with these labels', () => {
    const wrong: string[] = []
    let count = 0
    for (const { where, expr } of queries) {
      const labels = new Set(['instance', 'job'])
      for (const [, name = '', selector = ''] of expr.matchAll(/\breprise_(\w+)(?:\{([^}]*)\})?/g)) {
        count++
        const base = name.replace(/_(bucket|sum|count)$/, '')
        const metric = known.get(name) ?? (known.get(base)?.type === 'histogram' ? known.get(base) : undefined)
        if (metric === undefined) wrong.push(`${where}: there is no ${name}`)
        for (const label of metric?.labels ?? []) labels.add(label)
        if (name.endsWith('_bucket')) labels.add('le')
        for (const [, label = ''] of selector.matchAll(/(\w+)\s*[=!]~?/g))
          if (label !== 'instance' && !metric?.labels.includes(label)) wrong.push(`${where}: ${name} has no ${label}`)
      }
      for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g))
        for (const label of list.split(/,\s*/)) if (!labels.has(label)) wrong.push(`${where}: nothing has ${label}`)
    }
    expect(wrong).toEqual([])
    expect(count).toBeGreaterThan(50)
  })

  it('are all on the dashboard', () => {
    const shown = queries.map(({ expr }) => expr).join('\n')
    expect([...known.keys()].filter((name) => !shown.includes(`reprise_${name}`))).toEqual([])
  })

  it.skipIf(!hasPromtool)('are asked for in queries that Prometheus can read', async () => {
    const file = join(folder.path, 'queries.yaml')
    const asRules = dashboard.panels.flatMap(({ id, targets = [] }) =>
      targets.map(({ refId, expr }) => ({
        record: `panel:${id}:${refId.toLowerCase()}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '6h').replaceAll('$instance', '.*')
      }))
    )
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: asRules }] }))
    await run('promtool', ['check', 'rules', file])
  })
})

describe('the alerts', () => {
  it.skipIf(!hasPromtool)('are read by Prometheus, with all that is around them', async () => {
    const { stdout } = await run('promtool', ['check', 'config', join(ops, 'prometheus', 'prometheus.yaml')])
    expect(stdout).toContain('1 rule files found')
    await run('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', join(ops, 'prometheus', 'alerts.yaml')])
  })

  it.skipIf(!hasPromtool)('fire when they should, and only then', async () => {
    await run('promtool', ['test', 'rules', join(ops, 'prometheus', 'alerts.test.yaml')])
  })

  it('are each seen to fire by their tests', () => {
    const { tests } = parse(read('ops/prometheus/alerts.test.yaml')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[]
    }
    const fired = tests
      .flatMap((test) => test.alert_rule_test)
      .filter((each) => each.exp_alerts.length > 0)
      .map((each) => each.alertname)
    const named = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert]))
    expect([...new Set(fired)].sort()).toEqual(named.toSorted())
  })

  it('each have what to do in docs/operations.md, and no other has', () => {
    const rows = [...read('docs/operations.md').matchAll(/^\| `(Reprise\w+)` \| (\w+) \|/gm)]
    const documented = Object.fromEntries(rows.map(([, name, severity]) => [name, severity]))
    expect(documented).toEqual(
      Object.fromEntries(
        rules.flatMap(({ alert, labels }) => (alert === undefined ? [] : [[alert, labels?.['severity']]]))
      )
    )
  })
})

describe('the dashboard', () => {
  const { panels, templating } = dashboard

  it('numbers its panels once each, and says what each shows', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { type, title, description, targets = [] } of panels) {
      expect(title).not.toBe('')
      if (type === 'row') continue
      expect([title, targets.length > 0, (description ?? '').length > 10]).toEqual([title, true, true])
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
    }
  })

  it('asks a data source that can be chosen', () => {
    expect(templating.list).toContainEqual(expect.objectContaining({ name: 'datasource', type: 'datasource' }))
    const sources = panels.flatMap(({ type, datasource, targets = [] }) =>
      type === 'row' ? [] : [datasource?.uid, ...targets.map((target) => target.datasource.uid)]
    )
    expect(new Set(sources)).toEqual(new Set([`\${${'datasource'}}`]))
  })

  it('lays no panel over another, nor beside the grid', () => {
    for (const [index, { title, gridPos: a }] of panels.entries()) {
      expect([title, a.x >= 0 && a.w > 0 && a.h > 0 && a.x + a.w <= 24]).toEqual([title, true])
      const over = panels
        .slice(index + 1)
        .filter(({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
      expect([title, over.map((other) => other.title)]).toEqual([title, []])
    }
  })
})

describe('the service', () => {
  const lines = read('ops/reprise.service')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

  /** Those of systemd's keys that it uses: systemd only warns of others, and goes on without what they were to do. */
  const keys = `Description Documentation After Wants Type ExecStart EnvironmentFile Environment Restart RestartSec
    TimeoutStopSec LimitNOFILE DynamicUser StateDirectory StateDirectoryMode CacheDirectory CacheDirectoryMode UMask
    ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers PrivateMounts ProtectClock ProtectControlGroups
    ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProcSubset NoNewPrivileges
    CapabilityBoundingSet AmbientCapabilities RestrictAddressFamilies RestrictNamespaces RestrictRealtime
    RestrictSUIDSGID RemoveIPC LockPersonality KeyringMode SystemCallArchitectures SystemCallFilter
    SystemCallErrorNumber MemoryDenyWriteExecute WantedBy`.split(/\s+/)

  it('is made of three sections and of keys that there are, with a value or on purpose without', () => {
    expect(lines.filter((line) => line.startsWith('['))).toEqual(['[Unit]', '[Service]', '[Install]'])
    const set = lines.filter((line) => !line.startsWith('['))
    for (const line of set) expect(line).toMatch(/^([A-Z]\w+=.+|(Capability|Ambient)\w+=)$/)
    expect(set.map((line) => line.split('=')[0] ?? '').filter((key) => !keys.includes(key))).toEqual([])
  })

  it('lets V8 compile, and sets what there is to set', () => {
    expect(lines).toContain('MemoryDenyWriteExecute=no')
    expect(lines).toContain('DynamicUser=yes')
    const own = lines.flatMap((line) => /^Environment=(REPRISE_\w+)=/.exec(line)?.[1] ?? [])
    expect(own.filter((name) => !settingNames.includes(name))).toEqual([])
    expect(own).toContain('REPRISE_STORE')
  })

  it('starts the program that the package installs', () => {
    const { bin } = JSON.parse(read('package.json')) as { bin: Record<string, string> }
    expect(lines).toContain(`ExecStart=/usr/bin/env node /opt/reprise/bin/${Object.keys(bin)[0]} serve`)
    expect(read('docs/operations.md')).toContain('--prefix /opt/reprise')
  })

  it.skipIf(!hasSystemd)('is understood by systemd, which finds little that is exposed', async () => {
    const file = join(ops, 'reprise.service')
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', file])
    expect(stderr.split('\n').filter((line) => line.includes('reprise.service'))).toEqual([])
    await run('systemd-analyze', ['security', '--offline=true', '--no-pager', '--threshold=20', file])
  })
})

describe('the files of ops/', () => {
  it('are each read by a test', () => {
    const all = readdirSync(ops, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== '.env')
      .map((entry) => join(entry.parentPath, entry.name).slice(ops.length + 1))
    expect(all.sort()).toEqual([
      '.gitignore',
      'Dockerfile',
      'compose.yaml',
      'grafana/dashboards/reprise.json',
      'grafana/provisioning/dashboards/reprise.yaml',
      'grafana/provisioning/datasources/prometheus.yaml',
      'prometheus/alerts.test.yaml',
      'prometheus/alerts.yaml',
      'prometheus/prometheus.yaml',
      'reprise.service'
    ])
    expect(dirname(ops)).toBe(root)
  })
})
