/** One line of a Dockerfile, with what continues it. */
export interface Instruction {
  /** In capitals: `COPY`. */
  readonly name: string
  /** `--from=build` as `from: 'build'`. */
  readonly flags: Readonly<Record<string, string>>
  /** What follows the flags, on one line. */
  readonly rest: string
}

/** What is built from one FROM up to the next. */
export interface Stage {
  readonly image: string
  /** What it is called, or its number. */
  readonly name: string
  readonly instructions: readonly Instruction[]
}

/** The stages of a Dockerfile, as far as this project's uses the language. */
export function readDockerfile(text: string): Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = []
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
  for (const line of lines) {
    if (line.trim() === '') continue
    const [, name = '', flagged = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? []
    const [given = ''] = /^(--\S+\s+)*/.exec(flagged) ?? []
    const flags = Object.fromEntries(
      [...given.matchAll(/--([\w-]+)=(\S+)/g)].map(([, flag = '', value = '']) => [flag, value])
    )
    const instruction = { name: name.toUpperCase(), flags, rest: flagged.slice(given.length).trim() }
    if (instruction.name === 'FROM') {
      const [image = '', , alias = String(stages.length)] = instruction.rest.split(/\s+/)
      stages.push({ image, name: alias, instructions: [] })
    } else {
      const stage = stages.at(-1)
      if (stage === undefined) throw new Error(`${instruction.name} before any FROM`)
      stage.instructions.push(instruction)
    }
  }
  return stages
}

/** The variables that ENV sets: `A=1 B=2`. */
export function environmentOf({ instructions }: Stage): Record<string, string> {
  return Object.fromEntries(
    instructions
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ rest }) => [...rest.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]))
  )
}

/** Says of a path within the context whether `.dockerignore` leaves it out: names, and names at any depth (`**`). */
export function ignored(patterns: string): (path: string) => boolean {
  const rules = patterns
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const source = line
        .trim()
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('**/', '(.*/)?')
        .replace(/(?<![.)])\*/g, '[^/]*')
      return new RegExp(`^${source}(/|$)`)
    })
  return (path) => rules.some((rule) => rule.test(path))
}
