import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { RepriseError } from '../core/errors.ts'
import type { Atom, Plan, Templated } from './plan.ts'
import { readPlan } from './read-plan.ts'
import { Template } from './template.ts'

const head = 'id: p\ndefaults: {model: m}\natoms:\n'

/** What is said of a plan that is wrong. */
function said(text: string, options?: Parameters<typeof readPlan>[1]): string {
  try {
    readPlan(text, options)
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError)
    expect((error as RepriseError).code).toBe('invalid-plan')
    return (error as RepriseError).message
  }
  throw new Error('expected it to be refused')
}

function onlyAtom(text: string): Atom | undefined {
  return readPlan(text).atoms[0]
}

describe('readPlan', () => {
  it('reads a plan with variables, defaults and answers that others need', () => {
    const plan = readPlan(
      `
id: orders-service
sharing: isolated
variables: {language: TypeScript}
defaults: {model: gpt-4o-mini, system: "You know {{language}}.", parameters: {temperature: 0, seed: 1}, tags: [shop], ttl: 1d}
atoms:
  - id: outline
    prompt: "Outline a {{language}} service for {{topic}}"
  - id: tests
    needs: [outline]
    prompt: "Write tests for:\\n{{outline}}"
    model: claude-haiku-4-5
    parameters: {seed: 2}
    tags: [tests]
    ttl: 1h
  - id: review
    needs: [outline, tests]
    endpoint: /v1/responses
    messages: [{role: user, content: [{type: input_text, text: "{{tests}}"}, {type: input_image, image_url: "{{x}}"}]}]
    parameters: {note: "{{not a place}}"}
`,
      { variables: { topic: 'orders' } }
    )
    expect(plan).toEqual({
      id: 'orders-service',
      sharing: 'isolated',
      atoms: [
        {
          id: 'outline',
          needs: [],
          path: '/v1/chat/completions',
          body: {
            model: 'gpt-4o-mini',
            temperature: 0,
            seed: 1,
            messages: [
              { role: 'system', content: 'You know TypeScript.' },
              { role: 'user', content: 'Outline a TypeScript service for orders' }
            ]
          },
          tags: ['shop'],
          ttl: '1d'
        },
        {
          id: 'tests',
          needs: ['outline'],
          path: '/v1/messages',
          body: {
            model: 'claude-haiku-4-5',
            max_tokens: 4096,
            temperature: 0,
            seed: 2,
            system: 'You know TypeScript.',
            messages: [{ role: 'user', content: new Template(['Write tests for:\n', 'outline', '']) }]
          },
          tags: ['shop', 'tests'],
          ttl: '1h'
        },
        {
          id: 'review',
          needs: ['outline', 'tests'],
          path: '/v1/responses',
          body: {
            model: 'gpt-4o-mini',
            temperature: 0,
            seed: 1,
            note: '{{not a place}}',
            instructions: 'You know TypeScript.',
            input: [
              {
                role: 'user',
                content: [
                  { type: 'input_text', text: new Template(['', 'tests', '']) },
                  { type: 'input_image', image_url: '{{x}}' }
                ]
              }
            ]
          },
          tags: ['shop'],
          ttl: '1d'
        }
      ]
    } satisfies Plan)
  })

  it('takes atoms as a map by their names, in the order of the text', () => {
    const plan = readPlan('id: p\ndefaults: {model: m}\natoms:\n  "2": {prompt: x}\n  "1": {prompt: y, needs: ["2"]}')
    expect(plan.atoms.map(({ id }) => id)).toEqual(['2', '1'])
  })

  it('lets what is given go before what is declared, and what both say stay a text', () => {
    const text = 'id: p\nvariables: {a: "1", b: }\natoms: [{id: x, model: m, prompt: "{{a}} {{b}}"}]'
    const { body } = readPlan(text, { variables: { a: '{{b}}', b: '{{x}}' } }).atoms[0] ?? {}
    expect(body).toEqual({ model: 'm', messages: [{ role: 'user', content: '{{b}} {{x}}' }] })
  })

  it('keeps a limit of tokens that is said, and a system of its own messages', () => {
    expect(onlyAtom(`${head}  - {id: a, prompt: x, model: claude-x, parameters: {max_tokens: 9}}`)?.body).toEqual({
      model: 'claude-x',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'x' }]
    })
    const own = '- {id: a, messages: [{role: developer, content: own}, {role: user, content: x}]}'
    expect(onlyAtom(`id: p\ndefaults: {model: m, system: plan}\natoms:\n  ${own}`)?.body).toEqual({
      model: 'm',
      messages: [
        { role: 'developer', content: 'own' },
        { role: 'user', content: 'x' }
      ]
    })
    expect(
      onlyAtom('id: p\ndefaults: {model: m, system: plan}\natoms: [{id: a, prompt: x, system: ""}]')?.body
    ).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }]
    })
  })

  it.each([
    ['', 'plan.yaml: the plan: expected a map of id, sharing, variables, defaults, atoms, got nothing'],
    ['id: [', /^plan.yaml, line 1: expected YAML or JSON, got something else: /],
    ['a: 1\n---\nb: 2', 'plan.yaml, line 2: expected one plan in a file, got several; remove what follows ---'],
    ['id: p\n"\\e[2J": 1\n"\\e[2J": 2', 'plan.yaml, line 3: \\u001b[2J: expected it once, got it twice; remove one'],
    [`${head}  - {id: a, prompt: "{{\\u009b\\u202e"}`, /got "\{\{\\u009b\\u202e"/],
    [
      `${head}  - {id: a, prompt: x, tags: [${Array.from({ length: 63 }, (_, at) => `t${at}`)}]}`,
      'plan.yaml, line 4, atom a: tags: expected at most 62, those of defaults with them, got 63'
    ],
    ['id: p\natoms: *x', /expected YAML or JSON, got something else: Unresolved alias/],
    [
      'id: p\ndefaults: {model: m, parameters: {seed: 9007199254740993}}\natoms: [{id: a, prompt: q}]',
      'plan.yaml, line 2: expected a number that a double can hold, got 9007199254740993, which would be sent as 9007199254740992'
    ],
    ['id: p\nid: q', 'plan.yaml, line 2: id: expected it once, got it twice; remove one'],
    [
      `${head}  - {id: a, prompt: x, prompt: y}`,
      'plan.yaml, line 4: prompt: expected it once, got it twice; remove one'
    ],
    ['defaults: {model: m}\natoms: [{id: a, prompt: x}]', /id: expected a name of 1 to 64 letters.*, got nothing; add/],
    [
      'id: a b\ndefaults: {model: m}\natoms: [{id: a, prompt: x}]',
      'plan.yaml, line 1: id: expected a name of 1 to 64 letters, digits, _, . and -, got "a b"'
    ],
    ['id: p\natoms: []', 'plan.yaml, line 2: atoms: expected a list of at least one atom, got an empty list'],
    ['id: p', 'plan.yaml, line 1: atoms: expected a list of at least one atom, got nothing'],
    ['id: p\natoms: [7]', /line 2, atom number 1: 0: expected a map of id, needs/],
    [`${head}  - {prompt: x}`, /line 4, atom number 1: id: expected a name .*, got nothing; add "id: my-atom"/],
    [`${head}  - {id: 7, prompt: x}`, 'plan.yaml, line 4, atom number 1: id: expected a text, got 7; put it in quotes'],
    [
      `${head}  - {id: a, prompt: x}\n  - {id: b, prompt: x}\n  - {id: a, prompt: x}`,
      'plan.yaml, line 6, atom a: id: expected each atom to have its own, got this one twice; name one otherwise'
    ],
    [
      'id: p\natoms: [{id: a, prompt: x}]',
      'plan.yaml, line 2, atom a: model: expected one, got none; add "model: ..." to it, or to defaults'
    ],
    [
      `${head}  - {id: a, model: 4, prompt: x}`,
      'plan.yaml, line 4, atom a: model: expected a text, got 4; put it in quotes'
    ],
    [`${head}  - {id: a}`, 'plan.yaml, line 4, atom a: expected a prompt or messages, got neither; add "prompt: ..."'],
    [
      `${head}  - {id: a, prompt: x, messages: [{}]}`,
      /atom a: expected either prompt or messages, got both; remove one/
    ],
    [`${head}  - {id: a, prompt: ""}`, 'plan.yaml, line 4, atom a: prompt: expected a text that is not empty, got ""'],
    [`${head}  - {id: a, messages: []}`, /messages: expected a list of maps with role and content, got an empty list/],
    [`${head}  - {id: a, prompt: x, promt: y}`, /got "promt"; did you mean prompt\?/],
    [`${head}  - {id: a, prompt: x, temperature: 0}`, /got "temperature"; remove it, or move it into parameters/],
    [
      `${head}  - {id: a, prompt: x, parameters: {stream: true}}`,
      /got stream; remove it: a plan's answers are not streamed/
    ],
    [`${head}  - {id: a, prompt: x, parameters: {x: .nan}}`, /expected JSON: parameters.x is NaN/],
    [`${head}  - {id: a, prompt: x, endpoint: /v1/embeddings}`, /endpoint: expected one of \/v1\/chat\/completions, /],
    [`${head}  - {id: a, prompt: x, tags: x}`, /tags: expected a list of texts, got "x"; write \[x\]/],
    [`${head}  - {id: a, prompt: x, tags: ["a,b"]}`, /tags: expected ASCII characters, no comma/],
    [`${head}  - {id: a, prompt: x, ttl: soon}`, /ttl: expected a duration such as 30s/],
    [`${head}  - {id: a, prompt: x, sharing: shared}`, /got "sharing"/],
    [
      'id: p\nsharing: no\ndefaults: {model: m}\natoms: [{id: a, prompt: x}]',
      /line 2: sharing: expected one of shared, isolated, got "no"/
    ],
    [
      'id: p\nvariables: {v: 1.10}\ndefaults: {model: m}\natoms: [{id: a, prompt: x}]',
      /line 2: variables: v: expected a text, got 1.1; put it in quotes/
    ],
    [
      `${head}  - {id: outline, prompt: x}\n  - id: b\n    prompt: x\n    needs:\n      - outlin`,
      'plan.yaml, line 8, atom b: needs: expected the id of an atom, got "outlin"; did you mean outline?'
    ],
    [`${head}  - {id: a, prompt: x, needs: [zzzzzz]}`, /got "zzzzzz"; add such an atom, or remove it from needs/],
    [
      `${head}  - {id: b, prompt: x}\n  - {id: a, prompt: x, needs: [b, b]}`,
      /needs: expected each atom once, got b twice/
    ],
    [
      `${head}  - {id: a, prompt: x, needs: [b]}\n  - {id: b, prompt: x, needs: [a]}`,
      'plan.yaml, line 4, atom a: needs: expected no circle, got a -> b -> a; remove one of these needs'
    ],
    [`${head}  - {id: a, prompt: x, needs: [a]}`, /got a -> a; remove/],
    [
      `${head}  - {id: a, prompt: x}\n  - {id: b, prompt: "{{a}}"}`,
      'plan.yaml, line 5, atom b: prompt: expected atoms that it needs, got {{a}}, which it does not; add a to its needs'
    ],
    [`${head}  - {id: a, prompt: "{{a}}"}`, /expected atoms that it needs, got \{\{a}}/],
    [
      `${head}  - {id: a, prompt: "{{topic}}"}`,
      'plan.yaml, line 4, atom a: prompt: expected a variable or an atom, got {{topic}}, which is neither; add it to variables, or give it with --var topic=...'
    ],
    [
      'id: p\nvariables: {topic: }\ndefaults: {model: m}\natoms: [{id: a, prompt: "{{topic}}"}]',
      /expected a value for the variable topic, got none; give it one, with --var topic=/
    ],
    [
      `${head}  - {id: a, prompt: "{{ x y }}"}`,
      /expected a name between \{\{ and }}, got "\{\{ x y }}"; write \{\{\{\{ for/
    ],
    [
      'id: p\nvariables: {a: x}\ndefaults: {model: m}\natoms: [{id: a, prompt: x}]',
      /line 2: variables: expected a name of its own, got a, which is an atom too/
    ],
    [
      `${head}  - {id: a, prompt: x, system: s, messages: [{role: system, content: y}]}`,
      /expected either system or a first message of role system, got both/
    ]
  ])('refuses %j', (text, message) => {
    const got = said(text, { name: 'plan.yaml' })
    if (typeof message === 'string') expect(got).toBe(message)
    else expect(got).toMatch(message)
  })

  it('says what is wrong in JSON with its line, too', () => {
    const text = JSON.stringify(
      { id: 'p', defaults: { model: 'm' }, atoms: [{ id: 'a', prompt: '{{b}}' }] },
      undefined,
      '\t'
    )
    expect(said(text)).toMatch(/^the plan, line 9, atom a: prompt: expected a variable or an atom, got \{\{b}}/)
  })

  it('refuses a variable that the plan does not have', () => {
    const text = 'id: p\nvariables: {topic: x}\ndefaults: {model: m}\natoms: [{id: a, prompt: "{{topic}}"}]'
    expect(said(text, { variables: { topik: 'y' } })).toBe(
      "the plan, line 2: expected the plan's variables (topic), got topik; did you mean topic?"
    )
  })

  it('tells of all that is wrong at once, and of no more than 20', () => {
    const two = said(`${head}  - {id: a, prompt: x, needs: [c]}\n  - {id: b}`, { name: 'x.yaml' })
    expect(two.split('\n')).toEqual([
      'x.yaml: 2 mistakes',
      expect.stringMatching(/^ {2}line 5, atom b: expected a prompt/),
      expect.stringMatching(/^ {2}line 4, atom a: needs/)
    ])
    const many = said(`${head}${Array.from({ length: 50 }, (_, index) => `  - {id: a${index}}\n`).join('')}`)
    expect(many.split('\n')).toHaveLength(22)
    expect(many).toMatch(/: 50 mistakes\n(.*\n){20} {2}and 30 more$/)
  })

  it('does not let a few lines stand for gigabytes', () => {
    const bombs = Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}]`)
    expect(said(`a0: &a0 [x]\n${bombs.join('\n')}`)).toContain('expected YAML or JSON, got something else')
    const long = 'x'.repeat(10_000_000)
    const text = `id: p\ndefaults: {model: m}\natoms:\n  - {id: a, prompt: "${'{{v}}'.repeat(30)}"}`
    expect(said(text, { variables: { v: long } })).toMatch(/too large: expected at most 268,435,456 characters/)
    expect(said(' '.repeat(64 * 1024 * 1024 + 1))).toMatch(/too large: expected at most 67,108,864 characters/)
  })

  it('reads names that objects have anyway like any others', () => {
    const plan = readPlan(
      'id: constructor\nvariables: {toString: v}\ndefaults: {model: m}\natoms:\n  - {id: __proto__, prompt: "{{toString}}"}\n  - {id: b, needs: [__proto__], prompt: "{{__proto__}}"}'
    )
    expect(plan.atoms[0]?.body).toEqual({ model: 'm', messages: [{ role: 'user', content: 'v' }] })
    expect(said(`${head}  - {id: a, prompt: "{{constructor}}"}`)).toContain('which is neither')
  })

  it('reads any plan again as it was, written as JSON and as YAML', () => {
    fc.assert(
      fc.property(plans, (written) => {
        const plan = readPlan(JSON.stringify(written))
        expect(readPlan(stringify(written, { aliasDuplicateObjects: false }))).toEqual(plan)
        expect(readPlan(JSON.stringify(sourceOf(plan), undefined, 2))).toEqual(plan)
        expect(readPlan(stringify(sourceOf(plan)))).toEqual(plan)
      }),
      { numRuns: 150 }
    )
  })
})

const texts = fc.string({ unit: fc.constantFrom('{', '}', 'a', ': ', '\n', '"', '- ', '#', 'é', '\t', '{{') })
const models = fc.constantFrom('gpt-5', 'claude-haiku-4-5', 'm')

/** Any plan that is right: an atom may need those before it. */
const plans = fc
  .array(
    fc.record({
      texts: fc.array(texts, { minLength: 1, maxLength: 3 }),
      model: models,
      system: fc.option(texts.map(escaped), { nil: undefined }),
      asMessages: fc.boolean(),
      endpoint: fc.option(fc.constantFrom('/v1/chat/completions', '/v1/messages', '/v1/responses'), { nil: undefined }),
      parameters: fc.dictionary(fc.constantFrom('temperature', 'x', '__proto__', '{{y}}'), fc.jsonValue().map(asJson)),
      tags: fc.uniqueArray(fc.constantFrom('a', 'b c', 'd:e'))
    }),
    { minLength: 1, maxLength: 6 }
  )
  .map((atoms) => ({
    id: 'any.plan',
    sharing: atoms.length % 2 === 0 ? 'shared' : 'isolated',
    atoms: atoms.map(({ texts: own, asMessages, ...more }, index) => {
      const text = `p${own.map(escaped).join(index === 0 ? ' ' : `{{a${index - 1}}}`)}`
      const asked = asMessages ? { messages: [{ role: 'user', content: text }] } : { prompt: text }
      return { id: `a${index}`, needs: index === 0 ? [] : [`a${index - 1}`], ...asked, ...more }
    })
  }))

/** JSON has no -0. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function escaped(text: string): string {
  return text.replaceAll('{{', '{{{{')
}

/** A plan as somebody could have written it. */
function sourceOf({ id, sharing, atoms }: Plan): object {
  return {
    id,
    sharing,
    atoms: Object.fromEntries(
      atoms.map(({ id: atom, needs, path, body, tags, ttl }) => {
        const { model, messages, input, system, instructions, ...parameters } = body as Record<string, Templated>
        const asked = messages ?? input
        const said = Array.isArray(asked) ? { messages: textOf(asked) } : { prompt: textOf(asked ?? null) }
        const own = system ?? instructions
        return [
          atom,
          {
            needs,
            endpoint: path,
            model,
            ...said,
            ...(own === undefined ? {} : { system: textOf(own) }),
            parameters,
            tags,
            ...(ttl === undefined ? {} : { ttl })
          }
        ]
      })
    )
  }
}

function textOf(value: Templated): unknown {
  if (value instanceof Template)
    return value.pieces.map((piece, index) => (index % 2 === 1 ? `{{${piece}}}` : escaped(piece))).join('')
  if (typeof value === 'string') return escaped(value)
  if (Array.isArray(value)) return value.map((each: Templated) => textOf(each))
  if (typeof value !== 'object' || value === null) return value
  const message = value as Record<string, Templated>
  return { ...message, content: textOf(message['content'] ?? null) }
}
