import { isAlias, isCollection, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { messageOf } from '../core/errors.ts'
import type { PlanMistakes } from './plan-mistakes.ts'

/** Where something stands in a plan: names of fields, and places in lists. */
export type PlanPath = readonly (string | number)[]

/** A plan as it is written: its value, and which line a part of it stands in. */
export interface PlanSource {
  readonly value: unknown
  lineOf(path: PlanPath): number | undefined
  /** The names in the map at a path, in the order of the text; an object puts those that are numbers first. */
  namesAt(path: PlanPath): readonly string[]
}

/** How often a text may be referred to (`&name`, `*name`): a few lines could otherwise stand for gigabytes. */
const mostAliases = 1000

/** Reads YAML, of which JSON is a part. What is wrong with it is told to `mistakes`. */
export function planSource(text: string, mistakes: PlanMistakes): PlanSource {
  const lines = new LineCounter()
  // Names that are there twice are looked for below: the reader compares each with each.
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, uniqueKeys: false })
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const what =
      code === 'MULTIPLE_DOCS'
        ? 'expected one plan in a file, got several; remove what follows ---'
        : `expected YAML or JSON, got something else: ${message}`
    mistakes.add({ line: lines.linePos(pos[0]).line }, what)
  }
  visit(document, {
    Map(_, map) {
      const names = new Set<string>()
      for (const { key } of map.items) {
        const name = nameOf(key)
        if (names.has(name)) mistakes.add({ line: lineAt(key) }, `${name}: expected it once, got it twice; remove one`)
        names.add(name)
      }
    },
    Scalar(_, { value, source = '', range }) {
      if (typeof value !== 'number' || !/^-?\d{16,}$/.test(source) || String(value) === source) return
      const line = range?.[0] === undefined ? undefined : lines.linePos(range[0]).line
      mistakes.add({ line }, `expected a number that a double can hold, got ${source}, which would be sent as ${value}`)
    }
  })

  function lineAt(node: unknown): number | undefined {
    const start = isNode(node) ? node.range?.[0] : undefined
    return start === undefined ? undefined : lines.linePos(start).line
  }

  function nodeAt(path: PlanPath): { readonly node: unknown; readonly line: number | undefined } {
    let node: unknown = document.contents
    let line = lineAt(node)
    for (const step of path) {
      const within = isAlias(node) ? node.resolve(document) : node
      if (!isCollection(within)) break
      const pair = isMap(within) ? within.items.find(({ key }) => nameOf(key) === step) : undefined
      const next = pair === undefined ? within.get(step, true) : pair.value
      const nextLine = lineAt(pair?.key ?? next)
      if (nextLine === undefined) break
      node = next
      line = nextLine
    }
    return { node: isAlias(node) ? node.resolve(document) : node, line }
  }

  return {
    value: plainValue(document, mistakes),
    lineOf: (path) => nodeAt(path).line,
    namesAt(path) {
      const { node } = nodeAt(path)
      return isMap(node) ? [...new Set(node.items.map(({ key }) => nameOf(key)))] : []
    }
  }
}

function plainValue(document: ReturnType<typeof parseDocument>, mistakes: PlanMistakes): unknown {
  if (mistakes.count > 0) return undefined
  try {
    return document.toJS({ maxAliasCount: mostAliases }) as unknown
  } catch (error) {
    const hint = error instanceof RangeError ? '; it refers to itself, or is nested too deep' : ''
    mistakes.add({}, `expected YAML or JSON, got something else: ${messageOf(error)}${hint}`)
    return undefined
  }
}

function nameOf(key: Node | unknown): string {
  return String(isScalar(key) ? key.value : key)
}
