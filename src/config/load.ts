import { parseArgs } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import { type AliasedSettings, fromAliases } from './aliases.ts'
import { mistakeIn } from './mistake.ts'
import { readFile } from './read-file.ts'
import { environmentName, type Setting, type SettingName, type Settings, settings } from './settings.ts'

const names = Object.keys(settings) as SettingName[]

/** What is said of a setting, and by what. */
interface Said {
  readonly value: unknown
  readonly source: 'flag' | 'environment' | 'alias' | 'file'
  readonly file?: string
}

/**
 * Reads the settings: flags before environment, environment before file. Of the environment, our own names go first.
 * Switches are merged name by name; one that is off by another system's name is off.
 * @throws RepriseError `invalid-option` naming the setting, where it was read, what was expected and got; never a secret
 */
export function loadSettings(flags: readonly string[], environment: NodeJS.ProcessEnv = process.env): Settings {
  const fromFlags = readFlags(flags)
  const file = fromFlags['config'] ?? environment['REPRISE_CONFIG'] ?? ''
  const fromFile = file === '' ? {} : readFile(file, names)
  const aliased = fromAliases(environment, new Set(Object.keys(fromFlags)))
  const aliasOf = (name: SettingName): unknown =>
    name === 'switches' ? undefined : aliased[name as keyof AliasedSettings]
  const found: Record<string, unknown> = {}
  for (const name of names) {
    const all: readonly Said[] = [
      { value: fromFlags[name], source: 'flag' },
      { value: inEnvironment(name, environment), source: 'environment' },
      { value: aliasOf(name), source: 'alias' },
      { value: fromFile[name], source: 'file', file }
    ]
    // A name in the file with nothing behind it says nothing, as an empty variable does.
    const said = all.filter(({ value }) => value !== undefined && value !== null)
    const [first] = said
    if (first === undefined) continue
    found[name] = name === 'switches' ? mergedSwitches(said) : parsed(name, first)
  }
  const { switches } = aliased
  if (switches !== undefined) found['switches'] = { ...(found['switches'] as object), ...offIn(switches, found) }
  return found as Settings
}

function mergedSwitches(said: readonly Said[]): object {
  // The last one wins, and it is the first that goes before the others.
  return Object.assign({}, ...said.toReversed().map((each) => parsed('switches', each)))
}

/** Of what is said by other names: what is off there, and what nobody else speaks of. */
function offIn(
  aliased: NonNullable<AliasedSettings['switches']>,
  { switches = {} }: { readonly switches?: unknown }
): object {
  return Object.fromEntries(
    Object.entries(aliased).filter(([name, on]) => !on || !Object.hasOwn(switches as object, name))
  )
}

function inEnvironment(name: SettingName, environment: NodeJS.ProcessEnv): unknown {
  const text = environment[environmentName(name)]
  // An empty variable is how a shell or a compose file says that there is none.
  if (text === undefined || text === '') return undefined
  if (!('structured' in settings[name])) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Not the reason that it gives, which repeats the text.
    throw new RepriseError('invalid-option', `${environmentName(name)}: expected JSON, got something else`)
  }
}

function parsed(name: SettingName, { value, source, file }: Said): unknown {
  const setting: Setting = settings[name]
  const result = setting.schema.safeParse(value)
  if (result.success) return result.data
  const mayShow = (path: readonly PropertyKey[]): boolean =>
    setting.secret !== true &&
    (setting.shown === undefined || path.some((each) => setting.shown?.includes(String(each))))
  const { path, expected, got } = mistakeIn(result.error, value, mayShow)
  const at = path.map((each) => (typeof each === 'number' ? `[${each}]` : `.${String(each)}`)).join('')
  const within = at === '' ? '' : ` (${name}${at})`
  const place = {
    flag: `--${name}${within}`,
    environment: `${environmentName(name)}${within}`,
    alias: `${name} by its other name`,
    file: `${name}${at} in ${file}`
  }[source]
  throw new RepriseError('invalid-option', `${place}: expected ${expected}, got ${got}`)
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
          : `--${name} is not a flag, because it is a structure; write it into the file that --config names, or as JSON into ${environmentName(name)}`
    throw new RepriseError('invalid-option', `${reason} (reprise serve --help lists all flags)`, { cause: error })
  }
}

function firstSentence(text: string): string {
  return text.split(/\.\s/)[0] ?? text
}
