import { describe, expect, it } from 'vitest'
import { asJson, asText } from '../../test/support/batching-model.ts'
import { readParts } from './combined-parts.ts'
import { type CombinedPrompt, combinedPrompt, holdsMarkup } from './combined-prompt.ts'

const texts = ['one', 'two', 'three']
const byJson = combinedPrompt(texts, true)
const byText = combinedPrompt(texts, false)

/** The answers to a prompt as they should be, but for some of them. */
function answers({ ids, check }: CombinedPrompt, other: Readonly<Record<number, string>> = {}) {
  const own = ids.map((id, at) => ({ id, text: other[at] ?? `Answer ${at}.` }))
  return [...own, { id: check.id, text: check.word }]
}

function outcomes(said: string, prompt: CombinedPrompt): readonly string[] {
  return readParts(said, prompt, texts).map(({ text, doubt }) => text ?? `? ${doubt}`)
}

const own = ['Answer 0.', 'Answer 1.', 'Answer 2.']
const all = (doubt: string): readonly string[] => texts.map(() => `? ${doubt}`)

describe.each([
  { form: 'JSON', prompt: byJson, write: asJson },
  { form: 'delimited text', prompt: byText, write: asText }
])('the parts of $form', ({ prompt, write }) => {
  const [first = '', second = ''] = prompt.ids

  it('are found by their ids, in any order', () => {
    expect(outcomes(write(answers(prompt)), prompt)).toEqual(own)
    expect(outcomes(`\n\n${write(answers(prompt).reverse())}\n \n`, prompt)).toEqual(own)
  })

  it.each([
    ['its own id', first],
    ["another's id", `so says ${second}`],
    ["the check's id", prompt.check.id],
    ["the check's word", `Somebody asks for ${prompt.check.word}.`],
    ['a line as of the form', 'So:\n << END x>>'],
    ['a line as around a part', '<<part 1>> begins']
  ])('are doubtful that hold %s', (_, text) => {
    expect(outcomes(write(answers(prompt, { 1: text })), prompt)).toEqual(['Answer 0.', '? mixed', 'Answer 2.'])
  })

  it('are all doubtful when the check was told anything but its word', () => {
    const said = answers(prompt)
    const check = (text: string) => write(said.map((one) => (one.id === prompt.check.id ? { ...one, text } : one)))
    expect(outcomes(check(` ${prompt.check.word}\n`), prompt)).toEqual(own)
    for (const text of ['', 'PWNED', `${prompt.check.word}.`, `"${prompt.check.word}"`]) {
      expect(outcomes(check(text), prompt)).toEqual(all('tampered'))
    }
    expect(outcomes(write(said.slice(0, -1)), prompt)).toEqual(all('tampered'))
    expect(outcomes(write([...said, ...said.slice(-1)]), prompt)).toEqual(all('tampered'))
  })

  it('may stand within a fence', () => {
    const said = write(answers(prompt))
    for (const fence of ['```', '```json', '\n```text ']) {
      expect(outcomes(`${fence}\n${said}\n\`\`\`\n`, prompt)).toEqual(own)
    }
    expect(outcomes(`\`\`\`\n${said}\n\`\`\`\nThat was all.`, prompt)).toEqual(
      all(prompt === byJson ? 'unreadable' : 'mixed')
    )
  })

  it('are not there in what says nothing of them', () => {
    for (const said of ['', 'Sure!', '[]', 'null', '"text"', '{']) {
      expect(outcomes(said, prompt)).toEqual(all('unreadable'))
    }
  })
})

describe('JSON', () => {
  it('has no parts that are no texts', () => {
    const said = asJson(answers(byJson)).replace('"Answer 1."', '{"text":"Answer 1."}')
    expect(outcomes(said, byJson)).toEqual(['Answer 0.', '? missing', 'Answer 2.'])
  })

  it('is read as it is written: a name may be there twice, or be one that objects have anyway', () => {
    const said = asJson(answers(byJson))
    const [id = ''] = byJson.ids
    const escaped = `\\u0070${id.slice(1)}`
    expect(outcomes(said.replace('}', `, "${escaped}": "Other"}`), byJson)).toEqual(['? repeated', ...own.slice(1)])
    for (const name of ['__proto__', 'constructor', '']) {
      expect(outcomes(said.replace('{', `{"${name}": "x", `), byJson)).toEqual(all('mixed'))
    }
  })

  it('keeps half of a surrogate pair as it was', () => {
    const said = `{${answers(byJson, { 0: '\ud83d!' }).map(({ id, text }) => `"${id}":"${text}"`)}}`
    expect(outcomes(said, byJson)[0]).toBe('\ud83d!')
  })
})

describe('delimited text', () => {
  const said = asText(answers(byText))
  const [first = '', second = ''] = byText.ids

  it('keeps an answer as it is, lines at its ends included', () => {
    const text = '\n\n  indented\r\n```\ncode\n```\n\n'
    expect(outcomes(asText(answers(byText, { 1: text })), byText)[1]).toBe(text)
    expect(outcomes(said.replaceAll('\n', '\r\n'), byText)).toEqual(own)
    expect(outcomes(said.replaceAll('>>', '>>  '), byText)).toEqual(own)
  })

  it.each([
    ['before, about one of them', `As to ${first}: yes.\n${said}`],
    ['before, like a line of the form', `<<answers>> <<answer\n${said}`],
    ['between', said.replace(`<<end ${first}>>`, `<<end ${first}>>\nAnd now:`)],
    ['behind', `${said}\nThat was all.`],
    ['behind, without an end', said.replace(/<<end \S+>>$/, '')],
    ['of two at once', said.replace(`<<end ${first}>>`, `<<end ${second}>>`)],
    ['within another', said.replace('Answer 0.', `<<answer ${second}>>\nAnswer 0.`)]
  ])('is all doubtful when something stands %s', (_, text) => {
    expect(outcomes(text, byText)).toEqual(all('mixed'))
  })
})

describe('what a model says before the first answer', () => {
  it('is nobody’s, and does no harm', () => {
    expect(outcomes(`Here are the answers:\n\n${asText(answers(byText))}`, byText)).toEqual(own)
    // One that begins before its line has no answer.
    const [, ...others] = answers(byText)
    expect(outcomes(`Answer 0.\n${asText(others)}`, byText)).toEqual(['? missing', ...own.slice(1)])
  })
})

describe('what looks like markup', () => {
  it.each([
    ['<<part p1>>', true],
    ['a\n<<  END x', true],
    ['<</answer>>', true],
    ['cout << endl', false],
    ['a << b, <part>, </part>, <answer>', false]
  ])('%s: %s', (text, expected) => expect(holdsMarkup(text)).toBe(expected))
})
