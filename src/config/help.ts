import { environmentName, type Setting, settings } from './settings.ts'

const headWidth = 36
const lineWidth = 120

/** All settings, for `--help`: flags, what is no flag for its secrecy, and lists and maps. */
export function settingsHelp(): string {
  const all = Object.entries<Setting>(settings)
  const flags = all.filter(([, { secret, structured }]) => !secret && !structured)
  const secrets = all.filter(([, { secret }]) => secret)
  const structures = all.filter(([, { structured }]) => structured)
  return [
    ...flags.map(([name, setting]) => row(`--${name} ${setting.value}`, setting)),
    row('--config FILE', { about: 'the same settings as a YAML file, with those below' }),
    '\nIn the environment or the file, because other users of a machine can read flags:\n',
    ...secrets.map(([name, setting]) => row(environmentName(name), setting)),
    '\nIn the file, or as JSON in the environment (providers: as REPRISE_PROVIDERS):\n',
    ...structures.map(([name, setting]) => row(`${name}: ${setting.value}`, setting))
  ].join('\n')
}

function row(head: string, { about, default: usual }: Pick<Setting, 'about' | 'default'>): string {
  const text = usual === undefined ? about : `${about} (${usual})`
  const [first = '', ...rest] = wrapped(text, lineWidth - headWidth - 2)
  return [`  ${head.padEnd(headWidth)}${first}`, ...rest.map((line) => ' '.repeat(headWidth + 2) + line)].join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
