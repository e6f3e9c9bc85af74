import { messageOf } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { notJson } from '../core/not-json.ts'
import { controlsOf } from '../jobs/warm-lines.ts'
import { idForm, isId, type Part, type PlanForm } from './plan-form.ts'
import { inFewWords } from './plan-mistakes.ts'
import type { PlanPath } from './plan-source.ts'

/** A plan as it is written, its fields being what they must be. */
export interface WrittenPlan {
  readonly id: string
  readonly sharing: 'shared' | 'isolated'
  /** Those without a value have to be given one. */
  readonly variables: ReadonlyMap<string, string | undefined>
  readonly atoms: readonly WrittenAtom[]
}

/** An atom with its plan's defaults, its texts not yet taken apart. */
export interface WrittenAtom {
  readonly id: string
  /** Where in the plan it stands. */
  readonly at: PlanPath
  readonly needs: readonly string[]
  readonly model: string
  readonly endpoint: Endpoint
  readonly prompt?: string
  readonly messages?: readonly JsonObject[]
  /** With where it stands: it may be the plan's default. */
  readonly system?: { readonly text: string; readonly at: PlanPath; readonly isOwn: boolean }
  readonly parameters: JsonObject
  readonly tags: readonly string[]
  readonly ttl?: string
}

export const endpoints = ['/v1/chat/completions', '/v1/messages', '/v1/responses'] as const
export type Endpoint = (typeof endpoints)[number]

const planFields = ['id', 'sharing', 'variables', 'defaults', 'atoms']
const commonFields = ['model', 'endpoint', 'system', 'parameters', 'tags', 'ttl']
const atomFields = ['id', 'needs', 'prompt', 'messages', ...commonFields]

/** More than anybody writes; what is made by a program can be made in parts. */
const mostAtoms = 100_000

/** As many as a request may have, without the two that the plan gives it. */
const mostTags = 62

/** Reads the fields of a plan. What is wrong is told to the form. */
export function writtenPlan(value: unknown, form: PlanForm): WrittenPlan {
  const plan = form.part(value, [], planFields)
  const id = form.id(plan, 'id')
  if (plan.value['id'] === undefined && isObject(value))
    form.wrong([], undefined, () => `id: expected ${idForm}, got nothing; add "id: my-plan"`)
  const defaults = commonOf(form.part(plan.value['defaults'] ?? {}, ['defaults'], commonFields), form)
  const variables = variablesOf(plan, form)
  const atoms: WrittenAtom[] = []
  const seen = new Set<string>()
  for (const { atom, at, atomId } of isObject(value) ? atomsIn(plan, form) : []) {
    if (atomId === undefined) continue
    if (seen.has(atomId)) {
      form.wrong(at, atomId, () => 'id: expected each atom to have its own, got this one twice; name one otherwise')
      continue
    }
    seen.add(atomId)
    atoms.push(writtenAtom(atomId, atom, defaults, id ?? 'plan', form))
  }
  const sharing = form.oneOf(plan, 'sharing', ['shared', 'isolated'])
  return { id: id ?? '', sharing: sharing ?? 'shared', variables, atoms }
}

function variablesOf(plan: Part, form: PlanForm): ReadonlyMap<string, string | undefined> {
  const variables = new Map<string, string | undefined>()
  for (const [name, value] of Object.entries(form.map(plan, 'variables') ?? {})) {
    const at = ['variables', name]
    if (!isId(name)) form.wrong(at, undefined, () => `variables: expected ${idForm}, got ${inFewWords(name)}`)
    else if (value === null || value === undefined || typeof value === 'string') variables.set(name, value ?? undefined)
    else
      form.wrong(at, undefined, () => `variables: ${name}: expected a text, got ${inFewWords(value)}; put it in quotes`)
  }
  return variables
}

interface FoundAtom {
  readonly atom: Part
  readonly at: PlanPath
  readonly atomId: string | undefined
}

/** The atoms of a list, or of a map by their names. */
function atomsIn(plan: Part, form: PlanForm): readonly FoundAtom[] {
  const value = plan.value['atoms']
  const count = Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0
  if (count === 0 || count > mostAtoms) {
    const expected = count === 0 ? 'a list of at least one atom' : `at most ${mostAtoms.toLocaleString('en')} atoms`
    const got = count === 0 ? inFewWords(value) : `${count.toLocaleString('en')}; make several plans of it`
    form.wrong(['atoms'], undefined, () => `atoms: expected ${expected}, got ${got}`)
    return []
  }
  if (isObject(value)) {
    return form.namesAt(['atoms']).map((name) => {
      const at = ['atoms', name]
      if (!isId(name)) form.wrong(at, undefined, () => `atoms: expected ${idForm}, got ${inFewWords(name)}`)
      const fields = atomFields.filter((field) => field !== 'id')
      return { atom: form.part(value[name], at, fields, name), at, atomId: isId(name) ? name : undefined }
    })
  }
  return (value as readonly unknown[]).map((each, index) => {
    const at = ['atoms', index]
    const given = isObject(each) ? each['id'] : undefined
    const name = typeof given === 'string' ? given : `number ${index + 1}`
    const atom = form.part(each, at, atomFields, name)
    if (isObject(each) && (given === undefined || given === null))
      form.wrong(at, name, () => `id: expected ${idForm}, got nothing; add "id: my-atom"`)
    return { atom, at, atomId: form.id(atom, 'id') }
  })
}

/** What an atom and the plan's defaults may both say. */
interface Common {
  readonly model: string | undefined
  readonly endpoint: Endpoint | undefined
  readonly system: string | undefined
  readonly parameters: JsonObject
  readonly tags: readonly string[]
  readonly ttl: Json | undefined
}

/** Fields of a request that are said otherwise, and how. */
const saidOtherwise: ReadonlyMap<string, string> = new Map([
  ['model', 'say it as model'],
  ['messages', 'say it as messages or prompt'],
  ['input', 'say it as messages or prompt'],
  ['system', 'say it as system'],
  ['instructions', 'say it as system'],
  ['stream', "remove it: a plan's answers are not streamed"],
  ['stream_options', "remove it: a plan's answers are not streamed"]
])

function commonOf(part: Part, form: PlanForm): Common {
  const parameters = form.map(part, 'parameters') ?? {}
  const at = [...part.path, 'parameters']
  for (const field of Object.keys(parameters)) {
    const remedy = saidOtherwise.get(field)
    if (remedy === undefined) continue
    form.wrong(
      [...at, field],
      part.atom,
      () => `parameters: expected none that are said otherwise, got ${field}; ${remedy}`
    )
  }
  const strange = notJson(parameters, 'parameters')
  if (strange !== undefined) form.wrong(at, part.atom, () => `expected JSON: ${strange}`)
  return {
    model: form.text(part, 'model'),
    endpoint: form.oneOf(part, 'endpoint', endpoints),
    system: form.text(part, 'system'),
    parameters,
    tags: form.texts(part, 'tags') ?? [],
    ttl: part.value['ttl']
  }
}

function writtenAtom(id: string, part: Part, defaults: Common, plan: string, form: PlanForm): WrittenAtom {
  const { path: at } = part
  const own = commonOf(part, form)
  const needs = form.texts(part, 'needs') ?? []
  const prompt = form.text(part, 'prompt')
  const messages = messagesOf(part, form)
  if (part.value['prompt'] !== undefined && part.value['messages'] !== undefined)
    form.wrong(at, id, () => 'expected either prompt or messages, got both; remove one')
  else if (part.value['prompt'] === undefined && part.value['messages'] === undefined)
    form.wrong(at, id, () => 'expected a prompt or messages, got neither; add "prompt: ..."')
  else if (prompt === '') form.wrong([...at, 'prompt'], id, () => 'prompt: expected a text that is not empty, got ""')
  const model = own.model ?? defaults.model ?? ''
  // Of a model that is no text it was said before.
  if (model === '' && typeof (part.value['model'] ?? '') === 'string')
    form.wrong(at, id, () => 'model: expected one, got none; add "model: ..." to it, or to defaults')
  const usual = model.startsWith('claude') ? '/v1/messages' : '/v1/chat/completions'
  const system =
    own.system === undefined
      ? { text: defaults.system ?? '', at: ['defaults', 'system'], isOwn: false }
      : { text: own.system, at: [...at, 'system'], isOwn: true }
  return {
    id,
    at,
    needs,
    model,
    endpoint: own.endpoint ?? defaults.endpoint ?? usual,
    ...(prompt === undefined ? {} : { prompt }),
    ...(messages === undefined ? {} : { messages }),
    // Nothing is said by an empty one, which is how an atom does without the plan's.
    ...(system.text === '' ? {} : { system }),
    parameters: { ...defaults.parameters, ...own.parameters },
    ...controls([...defaults.tags, ...own.tags], own.ttl ?? defaults.ttl, plan, part, form)
  }
}

function messagesOf(part: Part, form: PlanForm): readonly JsonObject[] | undefined {
  const value = part.value['messages']
  if (value === undefined) return undefined
  const at = [...part.path, 'messages']
  const strange = notJson(value, 'messages')
  if (strange !== undefined) form.wrong(at, part.atom, () => `expected JSON: ${strange}`)
  if (Array.isArray(value) && value.length > 0 && value.every(isObject)) return value
  const got = Array.isArray(value) && value.length > 0 ? 'a list of something else' : inFewWords(value)
  form.wrong(at, part.atom, () => `messages: expected a list of maps with role and content, got ${got}`)
  return undefined
}

/** Tags and ttl, checked as a gateway checks them, with the two tags that every request of the plan has. */
function controls(
  tags: readonly string[],
  ttl: Json | undefined,
  plan: string,
  { path, atom }: Part,
  form: PlanForm
): { readonly tags: readonly string[]; readonly ttl?: string } {
  const own = [`masterplan:${plan}`, `wave:${mostAtoms}`]
  const count = new Set(tags).size
  if (count > mostTags) {
    form.wrong(
      [...path, 'tags'],
      atom,
      () => `tags: expected at most ${mostTags}, those of defaults with them, got ${count}`
    )
    return { tags: [] }
  }
  try {
    const checked = controlsOf({ tags, ...(ttl === undefined ? {} : { ttl }) }, { tags: own })
    return { ...checked, tags: checked.tags.filter((tag) => !own.includes(tag)) }
  } catch (error) {
    form.wrong(path, atom, () => messageOf(error))
    return { tags: [] }
  }
}
