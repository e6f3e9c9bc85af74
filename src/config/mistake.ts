import type { z } from 'zod'
import { isObject } from '../core/json.ts'

/** What is wrong with a value: where in it, what was expected there, and what there is instead. */
export interface Mistake {
  readonly path: readonly PropertyKey[]
  readonly expected: string
  readonly got: string
}

/** A schema's complaint, and where in the whole value it is about. */
interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly issue: z.core.$ZodIssue
}

const longestShown = 60

/** The mistake that says most of what a value has. What stands at a path that may not be shown is never repeated. */
export function mistakeIn(
  error: z.ZodError,
  value: unknown,
  mayShow: (path: readonly PropertyKey[]) => boolean
): Mistake {
  const complaint = firstOf(error.issues.map((issue) => ({ path: issue.path, issue })))
  if (complaint === undefined) return { path: [], expected: 'something else', got: 'this' }
  const { path, issue } = mostTelling(complaint)
  const expected = expectedBy(issue)
  if (issue.code === 'unrecognized_keys') return { path, expected, got: JSON.stringify(issue.keys[0]) }
  // A key of a map is a name, and stands for itself.
  if (issue.code === 'invalid_key') return { path: path.slice(0, -1), expected, got: JSON.stringify(path.at(-1)) }
  return { path, expected, got: shown(valueAt(value, path), mayShow(path)) }
}

/** A name that is not known explains one that is missed. */
function firstOf(complaints: readonly Complaint[]): Complaint | undefined {
  return complaints.find(({ issue }) => issue.code === 'unrecognized_keys') ?? complaints[0]
}

/** Of what fits none of several forms: what is wrong with the form it comes nearest to. */
function mostTelling(complaint: Complaint): Complaint {
  const { path, issue } = complaint
  if (issue.code !== 'invalid_union' || hasOwnWords(issue)) return complaint
  const forms = issue.errors.flatMap((issues) => {
    const first = firstOf(issues.map((each) => ({ path: [...path, ...each.path], issue: each })))
    return first === undefined ? [] : [mostTelling(first)]
  })
  const [nearest, next] = forms.toSorted((one, other) => nearness(other) - nearness(one))
  return nearest === undefined || (next !== undefined && nearness(nearest) === nearness(next)) ? complaint : nearest
}

/** How much of the form was met before something was wrong. */
function nearness({ path, issue }: Complaint): number {
  const isOtherType = issue.code === 'invalid_type' || (issue.code === 'invalid_union' && !hasOwnWords(issue))
  return 2 * path.length + (issue.code === 'unrecognized_keys' ? 2 : isOtherType ? 0 : 1)
}

const types: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a map',
  record: 'a map',
  string: 'a text'
}

function expectedBy(issue: z.core.$ZodIssue): string {
  if (hasOwnWords(issue)) return issue.message.replace(/^expected /, '').replace(/, got .*$/s, '')
  switch (issue.code) {
    case 'invalid_type':
      return types[issue.expected] ?? issue.expected
    case 'invalid_value':
      return `one of ${issue.values.join(', ')}`
    case 'invalid_key':
      return issue.issues[0] === undefined ? 'another name' : expectedBy(issue.issues[0])
    case 'invalid_union':
      return [...new Set(issue.errors.flatMap(([first]) => (first === undefined ? [] : [expectedBy(first)])))].join(
        ' or '
      )
    case 'too_small':
      if (issue.origin === 'string') return 'a text that is not empty'
      if (issue.origin === 'array') return `a list of at least ${issue.minimum}`
      return `a number ${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`
    case 'too_big':
      return `a number ${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`
    default:
      return issue.message
  }
}

/** Whether the schema says itself what it expects. */
function hasOwnWords({ message }: z.core.$ZodIssue): boolean {
  return message.startsWith('expected ')
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((within, name) => (within as Record<PropertyKey, unknown> | undefined)?.[name], value)
}

function shown(value: unknown, mayShow: boolean): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (isObject(value)) return 'a map'
  if (!mayShow) return 'something else'
  if (typeof value !== 'string') return String(value)
  // Whoever writes a password into an address need not read it in a log.
  const text = value.replace(/[^/\s]*@/g, '...@')
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}...` : text)
}
