import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'
import { fromAliases } from './aliases.ts'
import { environmentName, type Setting, type SettingName, type Settings, settings } from './settings.ts'

const names = Object.keys(settings) as SettingName[]

/**
 * Reads the settings: flags before environment, environment before file. Of the environment, our own names go first.
 * @throws RepriseError `invalid-option` naming the setting, where it was read, what was expected and got.
 */
export function loadSettings(flags: readonly string[], environment: NodeJS.ProcessEnv = process.env): Settings {
  const fromFlags = readFlags(flags)
  const file = fromFlags['config'] ?? environment['REPRISE_CONFIG']
  const fromFile = file === undefined || file === '' ? {} : readFile(file)
  const aliased: Readonly<Record<string, unknown>> = { ...fromAliases(environment) }
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
          : name !== 'switches' && aliased[name] !== undefined
            ? [aliased[name], `${name} by its other name`]
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
  // Switches are merged name by name: one that is only said by its other name is said all the same.
  const { switches } = aliased as Settings
  if (switches !== undefined) found['switches'] = { ...switches, ...(found['switches'] as Settings['switches']) }
  return found as Settings
}

/** The flags as a table, for `--help`. */
export function settingsHelp(): string {
  const rows = Object.entries<Setting>(settings).map(([name, { value, about, default: usual, ...setting }]) => {
    const head = setting.structured ? `${name}:` : setting.secret ? environmentName(name) : `--${name} ${value}`
    return `  ${head.padEnd(28)} ${about}${usual === undefined ? '' : ` (${usual})`}${setting.structured ? ' (in the file)' : ''}`
  })
  return [...rows, `  ${'--config FILE'.padEnd(28)} the same settings as a YAML file, secrets included`].join('\n')
}

function isFlag(name: SettingName): boolean {
  return !('secret' in settings[name]) && !('structured' in settings[name])
}

function readFlags(flags: readonly string[]): Record<string, string> {
  const open = names.filter(isFlag)
  const options = Object.fromEntries([...open, 'config'].map((name) => [name, { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...flags], options, strict: true, allowPositionals: false }).values as Record<
      string,
      string
    >
  } catch (error) {
    const name = names.find(
      (known) => !isFlag(known) && flags.some((flag) => flag === `--${known}` || flag.startsWith(`--${known}=`))
    )
    const reason =
      name === undefined
        ? firstSentence(messageOf(error))
        : 'secret' in settings[name]
          ? `--${name} is not a flag, because others on this machine could read it; set ${environmentName(name)}`
          : `--${name} is not a flag, because it is a structure; write it into the file that --config names`
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
