/** A sample as it was read: the name with its suffix, the labels, the value. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a text in Prometheus' exposition format says. */
export interface PrometheusText {
  readonly samples: readonly Sample[]
  readonly types: ReadonlyMap<string, string>
  readonly helps: ReadonlyMap<string, string>
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n' }

/** Reads the format 0.0.4 as strictly as it is written down; throws on what it does not allow. */
export function parsePrometheus(text: string): PrometheusText {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const samples: Sample[] = []
  const types = new Map<string, string>()
  const helps = new Map<string, string>()
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (comment === null) {
      samples.push(sampleOf(line, types))
      continue
    }
    const [, what, name = '', rest = ''] = comment
    const known = what === 'HELP' ? helps : types
    if (known.has(name)) throw new Error(`${what} of ${name} twice`)
    known.set(name, rest)
  }
  return { samples, types, helps }
}

function sampleOf(line: string, types: ReadonlyMap<string, string>): Sample {
  const start = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/.exec(line)
  if (start === null) throw new Error(`no name: ${line}`)
  const [whole, name = '', brace] = start
  const labels: Record<string, string> = {}
  let at = whole.length
  while (brace !== undefined && line[at] !== '}') {
    const label = /^,?([a-zA-Z_][a-zA-Z0-9_]*)="/.exec(line.slice(at))
    if (label === null) throw new Error(`no label at ${at}: ${line}`)
    at += label[0].length
    let value = ''
    for (; line[at] !== '"'; at++) {
      if (at >= line.length) throw new Error(`a label does not end: ${line}`)
      if (line[at] !== '\\') {
        value += line[at]
        continue
      }
      const escaped = escapes[line[++at] ?? '']
      if (escaped === undefined) throw new Error(`no such escape: ${line}`)
      value += escaped
    }
    at += 1
    if (Object.hasOwn(labels, label[1] ?? '')) throw new Error(`a label twice: ${line}`)
    labels[label[1] ?? ''] = value
  }
  if (brace !== undefined) at += 1
  const number = /^ (\+Inf|-Inf|NaN|[-+0-9.e]+)$/.exec(line.slice(at))?.[1]
  if (number === undefined) throw new Error(`no number: ${line}`)
  const family = name.replace(/_(bucket|sum|count)$/, '')
  if (!types.has(name) && types.get(family) !== 'histogram') throw new Error(`a sample before its type: ${line}`)
  return { name, labels, value: number.endsWith('Inf') ? Number(`${number}inity`) : Number(number) }
}
