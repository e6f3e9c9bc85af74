import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { clipped, none, oneLine, table } from './table.ts'

/**
 * The report of a gateway, for people: requests, savings, a table per thing that was counted. What another version does
 * not say is left out.
 * @param width of the terminal, in columns. Default: as wide as it gets, for a file or another program
 */
export function statsReport(report: JsonObject, url: string, width = Number.POSITIVE_INFINITY): string {
  return [
    heading(report, url),
    summary(report),
    section('layers', layers(report), width),
    section('models', groups('model', rowsOf(report, 'by_model')), width),
    section('tags', groups('tag', rowsOf(report, 'by_tag')), width),
    section('providers', providers(rowsOf(report, 'providers')), width),
    section('targets', targets(rowsOf(report, 'targets')), width),
    section('what failed', failures(report), width),
    section('entries that answered most', topEntries(rowsOf(report, 'top_entries')), width),
    nearMisses(rowsOf(report, 'near_misses'), width)
  ]
    .filter((part) => part !== '')
    .map((part) =>
      part
        .split('\n')
        .map((line) => clipped(line, width))
        .join('\n')
    )
    .join('\n\n')
}

function heading({ scope, processes, since }: JsonObject, url: string): string {
  const whose = scope === 'fleet' ? `${plural(processes, 'process', 'processes')} together` : 'this process'
  return `${url}, ${whose}${typeof since === 'string' ? `, since ${moment(since)}` : ''}`
}

function summary(report: JsonObject): string {
  const requests = part(report, 'requests')
  const { hits, misses, joined, rescued, bypassed, failed, total } = requests
  const saved = part(report, 'saved')
  const { usd, unpriced_calls: unpriced } = part(report, 'spent')
  const { hit, miss } = part(report, 'latency')
  const rate = numberOf(total) === 0 ? '' : ` (${share(numberOf(hits) / numberOf(total))})`
  const others = Object.entries({ joined, rescued, bypassed, failed })
    .filter(([, value]) => numberOf(value) > 0)
    .map(([name, value]) => `, ${count(value)} ${name}`)
  return [
    `requests  ${count(total)}: ${plural(hits, 'hit')}${rate}, ${plural(misses, 'miss', 'misses')}${others.join('')}`,
    `saved     ${dollars(saved['usd'])}, ${seconds(saved['seconds'])} of waiting, ${plural(saved['tokens'], 'token')}`,
    `spent     ${dollars(usd)}${numberOf(unpriced) > 0 ? `, and ${plural(unpriced, 'call')} whose price is not known` : ''}`,
    ...together(part(report, 'batches')),
    ...latency('hits', hit),
    ...latency('misses', miss)
  ].join('\n')
}

function together({ calls, requests }: JsonObject): string[] {
  return numberOf(calls) === 0 ? [] : [`together  ${plural(requests, 'request')} in ${plural(calls, 'call')}`]
}

function latency(what: string, said: Json | undefined): string[] {
  if (!isObject(said) || numberOf(said['count']) === 0) return []
  const { mean_ms: mean, p50_ms: p50, p95_ms: p95, p99_ms: p99 } = said
  const quantiles = `half within ${millis(p50)}, 95 % within ${millis(p95)}, 99 % within ${millis(p99)}`
  return [`${what.padEnd(10)}${millis(mean)} on average, ${quantiles}`]
}

function layers(report: JsonObject): string[][] {
  const found = Object.entries(report).flatMap(([name, said]) =>
    name.endsWith('_cache') && isObject(said) ? [{ name: name.replace(/_cache$/, ''), ...said }] : []
  )
  const rows = found
    .filter((layer) => ['lookups', 'writes', 'invalidations', 'errors'].some((what) => total(layer, what) > 0))
    .map((layer) => [
      String(layer.name),
      share(total(layer, 'lookups') > 0 ? field(layer, 'hit_rate') : undefined),
      ...['lookups', 'hits', 'misses', 'bypasses', 'writes', 'invalidations', 'errors'].map((what) =>
        count(total(layer, what))
      ),
      dollars(field(layer, 'saved_usd')),
      seconds(field(layer, 'saved_seconds'))
    ])
  if (rows.length === 0) return []
  const head = ['layer', 'hit rate', 'lookups', 'hits', 'misses', 'bypasses', 'written', 'invalidated', 'errors']
  const combined = [
    ['combined', report['combined_hit_rate']],
    ['by meaning', report['semantic_hit_rate']]
  ] as const
  return [
    [...head, 'saved', 'time saved'],
    ...rows,
    ...combined.flatMap(([name, rate]) => (numberOf(rate) > 0 ? [[name, share(rate)]] : []))
  ]
}

function groups(name: 'model' | 'tag', found: readonly JsonObject[]): string[][] {
  if (found.length === 0) return []
  const head = [
    'requests',
    'hits',
    'hit rate',
    'cost',
    'saved',
    'time saved',
    'tokens in',
    'tokens out',
    'tokens saved'
  ]
  const rows = found.map((group) => [
    String(group[name]),
    count(group['requests']),
    count(group['hits']),
    share(group['hit_rate']),
    dollars(group['cost_usd']),
    dollars(group['saved_usd']),
    seconds(group['saved_seconds']),
    count(group['input_tokens']),
    count(group['output_tokens']),
    count(group['saved_tokens'])
  ])
  return [[name, ...head], ...rows]
}

function providers(found: readonly JsonObject[]): string[][] {
  if (found.length === 0) return []
  const rows = found.map(({ provider, ok, failed, mean_ms: mean, p50_ms: p50, p95_ms: p95 }) => [
    String(provider),
    count(ok),
    count(failed),
    millis(mean),
    millis(p50),
    millis(p95)
  ])
  return [['provider', 'answered', 'failed', 'on average', 'half within', '95 % within'], ...rows]
}

function targets(found: readonly JsonObject[]): string[][] {
  if (found.length === 0) return []
  const rows = found.map(({ target, retried, skipped, fell_back: fellBack, cost_usd: cost, unpriced }) => [
    String(target),
    count(retried),
    count(fellBack),
    dollars(cost),
    count(unpriced),
    isObject(skipped) && Object.keys(skipped).length > 0
      ? Object.entries(skipped)
          .map(([reason, times]) => `${reason} ${count(times)}`)
          .join(', ')
      : none
  ])
  return [['target', 'asked again', 'next one asked', 'cost', 'price unknown', 'passed over'], ...rows]
}

function failures(report: JsonObject): string[][] {
  const rows = Object.entries(part(report, 'failures')).flatMap(([name, operations]) =>
    isObject(operations) ? Object.entries(operations).map(([operation, times]) => [name, operation, count(times)]) : []
  )
  return rows.length === 0 ? [] : [['part', 'operation', 'times'], ...rows]
}

function topEntries(found: readonly JsonObject[]): string[][] {
  if (found.length === 0) return []
  const rows = found.map(({ hits, saved_usd: usd, saved_seconds: time, last_hit: last, key }) => [
    count(hits),
    dollars(usd),
    seconds(time),
    typeof last === 'string' ? moment(last) : none,
    String(key)
  ])
  return [['hits', 'saved', 'time saved', 'last', 'key'], ...rows]
}

function nearMisses(found: readonly JsonObject[], width: number): string {
  const lines = found
    .slice(0, most)
    .flatMap(({ similarity, by, reason, text, entry_text: entryText }) => [
      `  ${numberOf(similarity).toFixed(4)}  refused by ${oneLine(String(by))}: ${oneLine(String(reason))}`,
      `          asked     ${quoted(text, width)}`,
      ...(typeof entryText === 'string' ? [`          answered  ${quoted(entryText, width)}`] : [])
    ])
  return lines.length === 0
    ? ''
    : ['near misses, latest first', ...lines, ...more(found.length).map((line) => `  ${line}`)].join('\n')
}

function quoted(text: Json | undefined, width: number): string {
  return clipped(JSON.stringify(oneLine(String(text ?? ''))), Math.max(20, width - 20))
}

/** The first few of what there is; all of it is in the report itself. */
const most = 10

function section(title: string, rows: readonly (readonly string[])[], width: number): string {
  if (rows.length === 0) return ''
  const lines = table(rows.slice(0, most + 1), width - 2)
  return [title, ...lines, ...more(rows.length - 1)].map((line, index) => (index === 0 ? line : `  ${line}`)).join('\n')
}

function more(count: number): string[] {
  return count > most ? [`and ${(count - most).toLocaleString('en')} more: --json has them all`] : []
}

function rowsOf(report: JsonObject, name: string): JsonObject[] {
  const found = report[name]
  return Array.isArray(found) ? found.filter(isObject) : []
}

function part(report: JsonObject, name: string): JsonObject {
  const found = report[name]
  return isObject(found) ? found : {}
}

function field(said: object, name: string): Json | undefined {
  return (said as JsonObject)[name]
}

function total(layer: object, what: string): number {
  return numberOf(field(layer, `total_${what}`))
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}

function count(value: Json | undefined): string {
  return typeof value === 'number' ? value.toLocaleString('en') : none
}

function plural(value: Json | undefined, one: string, many = `${one}s`): string {
  return `${numberOf(value).toLocaleString('en')} ${value === 1 ? one : many}`
}

function share(value: Json | undefined): string {
  return typeof value === 'number' ? `${(value * 100).toFixed(1)} %` : none
}

/** What is less than a dollar to a hundredth of a cent. */
function dollars(value: Json | undefined): string {
  if (typeof value !== 'number') return none
  const digits = Math.abs(value) < 1 && value !== 0 ? 4 : 2
  return `$${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`
}

function millis(value: Json | undefined): string {
  if (typeof value !== 'number') return none
  return value < 1000 ? `${value.toFixed(value < 10 ? 2 : 0)} ms` : seconds(value / 1000)
}

/** 12.3 s, 4 min 5 s, 2 h 3 min, 1 d 4 h. */
function seconds(value: Json | undefined): string {
  if (typeof value !== 'number') return none
  if (value < 60) return `${value.toFixed(1)} s`
  const whole = Math.round(value)
  const units = [
    [86_400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's']
  ] as const
  const [big, name, small, smallName] = units.find(([unit]) => whole >= unit) ?? [60, 'min', 1, 's']
  const rest = Math.floor((whole % big) / small)
  return `${Math.floor(whole / big).toLocaleString('en')} ${name}${rest === 0 ? '' : ` ${rest} ${smallName}`}`
}

function moment(iso: string): string {
  return oneLine(iso).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*Z$/, '$1 $2 UTC')
}
