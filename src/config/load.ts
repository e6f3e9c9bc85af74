import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import { environmentName, type Setting, type SettingName, type Settings, settings } from './settings.ts'

const names = Object.keys(settings) as SettingName[]

/**
 * Reads the settings: flags before environment, environment before file.
 * @throws RepriseError `invalid-option` naming the setting, where it was read, what was expected and got.
 */
export function loadSettings(flags: readonly string[], environment: NodeJS.ProcessEnv = process.env): Settings {
  const fromFlags = readFlags(flags)
  const file = fromFlags['config'] ?? environment['REPRISE_CONFIG']
  const fromFile = file === undefined || file === '' ? {} : readFile(file)
  const found: Record<string, unknown> = {}
  for (const name of names) {
    const variable = environment[environmentName(name)]
    // An empty variable is how a shell or a compose file says that there is none.
    const inEnvironment = variable === '' ? undefined : variable
    const [value, place] =
      fromFlags[name] !== undefined
        ? [fromFlags[name], `--${name}`]
        : inEnvironment !== undefined
          ? [inEnvironment, environmentName(name)]
          : [fromFile[name], `${name} in ${file}`]
    if (value === undefined) continue
    const result = settings[name].schema.safeParse(value)
    if (!result.success) {
      const secret: boolean = 'secret' in settings[name]
      const got = secret ? 'something else' : JSON.stringify(value)
      throw new RepriseError('invalid-option', `${place}: ${reasonOf(result.error.issues[0])}, got ${got}`)
    }
    found[name] = result.data
  }
  return found as Settings
}

/** The flags as a table, for `--help`. */
export function settingsHelp(): string {
  const rows = Object.entries<Setting>(settings).map(([name, { value, about, secret, default: usual }]) => {
    const head = secret ? environmentName(name) : `--${name} ${value}`
    return `  ${head.padEnd(28)} ${about}${usual === undefined ? '' : ` (${usual})`}`
  })
  return [...rows, `  ${'--config FILE'.padEnd(28)} the same settings as a YAML file, secrets included`].join('\n')
}

function readFlags(flags: readonly string[]): Record<string, string> {
  const open = names.filter((name) => !('secret' in settings[name]))
  const options = Object.fromEntries([...open, 'config'].map((name) => [name, { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...flags], options, strict: true, allowPositionals: false }).values as Record<
      string,
      string
    >
  } catch (error) {
    const secret = names.find(
      (name) =>
        'secret' in settings[name] && flags.some((flag) => flag === `--${name}` || flag.startsWith(`--${name}=`))
    )
    const reason =
      secret === undefined
        ? firstSentence(messageOf(error))
        : `--${secret} is not a flag, because others on this machine could read it; set ${environmentName(secret)}`
    throw new RepriseError('invalid-option', `${reason} (reprise serve --help lists all flags)`, { cause: error })
  }
}

function readFile(file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parse(readFileSync(file, 'utf8')) ?? {}
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot read the configuration ${file}: ${messageOf(error)}`, {
      cause: error
    })
  }
  if (!isObject(value))
    throw new RepriseError(
      'invalid-option',
      `${file}: expected settings as 'name: value', got ${JSON.stringify(value)}`
    )
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(settings, name))
  if (unknown !== undefined) {
    throw new RepriseError(
      'invalid-option',
      `${file}: unknown setting ${JSON.stringify(unknown)}; known are ${names.join(', ')}`
    )
  }
  return value
}

function reasonOf(issue: { message: string; path: readonly PropertyKey[] } | undefined): string {
  if (issue === undefined) return 'not as expected'
  const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  return where + issue.message.replace(/^Invalid (input|option): /, '').replace(/, received.*$/, '')
}

function firstSentence(text: string): string {
  return text.split(/\.\s/)[0] ?? text
}
