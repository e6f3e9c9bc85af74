import { RepriseError } from '../core/errors.ts'
import { gauges as knownGauges, metrics } from './prometheus-metrics.ts'
import type { HistogramCounts, Snapshot } from './snapshot.ts'

/** A number that goes up and down, read while the metrics are served. */
export interface Gauge {
  /** What follows the prefix. */
  readonly name: string
  readonly help: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface PrometheusOptions {
  /** What each name begins with; may be empty. Default: `reprise_`. */
  readonly prefix?: string
  /** What the snapshot does not hold. Those of a name must have the same labels. */
  readonly gauges?: readonly Gauge[]
}

/** What the text is to be served as. */
export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

const defaultPrefix = 'reprise_'

/**
 * All that has been counted, in Prometheus' text exposition format, version 0.0.4. The layers `llm`, `llm_semantic`,
 * `rag` and `rag_similarity` are always there.
 * @throws RepriseError `invalid-option` for a prefix that no metric's name can begin with
 */
export function prometheus(snapshot: Snapshot, options: PrometheusOptions = {}): string {
  const prefix = checkMetricsPrefix(options.prefix ?? defaultPrefix)
  const lines: string[] = []
  for (const metric of metrics) {
    const name = prefix + metric.name
    lines.push(...headOf(name, metric.help, metric.type))
    if (metric.type === 'histogram') {
      for (const [labels, counts] of metric.read(snapshot)) {
        pushHistogram(lines, name, labelText(metric.labels, labels), metric.bounds, counts)
      }
    } else {
      for (const [labels, count] of metric.read(snapshot)) {
        lines.push(`${name}${braced(labelText(metric.labels, labels))} ${numberText(count)}`)
      }
    }
  }
  for (const gauges of byName(options.gauges ?? [])) {
    const [{ name, help }] = gauges
    lines.push(...headOf(prefix + name, help, 'gauge'))
    for (const { labels = {}, value } of gauges) {
      const text = labelText(Object.keys(labels), Object.values(labels))
      lines.push(`${prefix}${name}${braced(text)} ${numberText(value)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/**
 * Gives a prefix back if metrics' names can begin with it; `name` is the setting's.
 * @throws RepriseError `invalid-option`
 */
export function checkMetricsPrefix(prefix: string, name = 'prefix'): string {
  if (prefix === '' || /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(prefix)) return prefix
  throw new RepriseError(
    'invalid-option',
    `${name}: expected nothing, or letters, digits, '_' and ':' that do not begin with a digit, such as ` +
      `${defaultPrefix}, got ${JSON.stringify(prefix)}`
  )
}

/** One of the gauges that have a help text and labels of their own; `labels` in their order. */
export function gauge(name: keyof typeof knownGauges, value: number, ...labels: readonly string[]): Gauge {
  const { help, labels: names } = knownGauges[name]
  return { name, help, value, labels: Object.fromEntries(names.map((label, place) => [label, labels[place] ?? ''])) }
}

function headOf(name: string, help: string, type: string): [string, string] {
  return [`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`]
}

/** Each bucket counts all that is not above its bound. Buckets that a snapshot does not have are empty. */
function pushHistogram(
  lines: string[],
  name: string,
  labels: string,
  bounds: readonly number[],
  { counts, sum }: HistogramCounts
): void {
  const before = labels === '' ? '' : `${labels},`
  let count = 0
  for (const [place, bound] of bounds.entries()) {
    count += counts[place] ?? 0
    lines.push(`${name}_bucket{${before}le="${bound}"} ${count}`)
  }
  for (const beyond of counts.slice(bounds.length)) count += beyond
  lines.push(`${name}_bucket{${before}le="+Inf"} ${count}`)
  lines.push(`${name}_sum${braced(labels)} ${numberText(sum)}`, `${name}_count${braced(labels)} ${count}`)
}

function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, place) => `${name}="${escaped(values[place] ?? '')}"`).join(',')
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

/** The format is UTF-8: half a character would become something else on the way. */
function escaped(text: string): string {
  if (!/[\\"\n\p{Surrogate}]/u.test(text)) return text
  return text
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

function byName(gauges: readonly Gauge[]): Iterable<[Gauge, ...Gauge[]]> {
  const groups = new Map<string, [Gauge, ...Gauge[]]>()
  for (const one of gauges) {
    const group = groups.get(one.name)
    if (group === undefined) groups.set(one.name, [one])
    else group.push(one)
  }
  return groups.values()
}
