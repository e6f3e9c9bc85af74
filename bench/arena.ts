import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { type SimulatedProvider, simulatedProvider } from 'reprise/testing'
import { listening, type Program, startProgram } from '../test/support/program.ts'

const parallel = 16

interface Question {
  readonly uid: string
  readonly prompt: string
}

/** One question as one SDK asks it, plainly or as a stream. */
interface Step {
  readonly question: Question
  readonly client: 'openai' | 'anthropic'
  readonly stream: boolean
}

interface Outcome {
  /** Text, tool calls, usage and finish reason, as the SDK gives them. */
  readonly said: unknown
  readonly layer: string | null
}

/**
 * Real questions through the official SDKs: 500 questions, each as a chat completion and as a message, half of them
 * streaming; the gateway is killed in mid-run and started again on its folder; then all again in another order, plain
 * and streaming swapped. Every answer of the second pass must be a hit and equal to the first.
 */
export async function benchArena(): Promise<void> {
  const data = process.env['REPRISE_DATA'] ?? '../shared/data'
  const prompts = join(data, 'prompts')
  if (!existsSync(join(prompts, 'arena-hard.questions.jsonl'))) {
    console.error(
      `no evaluation data in ${data}: set REPRISE_DATA to a folder with prompts/arena-hard.questions.jsonl and prompts/arena-hard.answers.gpt-4-0314.jsonl`
    )
    process.exitCode = 1
    return
  }
  const questions = readLines<Question>(join(prompts, 'arena-hard.questions.jsonl'))
  const answers = new Map(
    readLines<{ uid: string; messages: { content: string | { answer: string } }[] }>(
      join(prompts, 'arena-hard.answers.gpt-4-0314.jsonl')
    ).map(({ messages }) => {
      const [asked, said] = messages
      return [
        String(asked?.content),
        typeof said?.content === 'object' ? said.content.answer : String(said?.content)
      ] as const
    })
  )
  const provider = await simulatedProvider({
    answer: ({ lastUserText }) => ({ text: answers.get(lastUserText) ?? fail(lastUserText) })
  })
  const folder = mkdtempSync(join(tmpdir(), 'reprise-arena-'))
  const steps = questions.flatMap((question, index): Step[] => [
    { question, client: 'openai', stream: index % 2 === 0 },
    { question, client: 'anthropic', stream: index % 2 === 1 }
  ])
  let gateway = start(provider, folder)
  try {
    const first = new Map<Step, Outcome>()
    const killAfter = 400
    let killed = false
    await pass('first pass, killed in the middle', steps, await listening(gateway), async (step, outcome) => {
      first.set(step, outcome)
      if (first.size < killAfter || killed) return
      killed = true
      gateway.process.kill('SIGKILL')
    })
    await gateway.ended
    console.log(`  kill -9 after ${first.size} answers`)
    gateway = start(provider, folder)
    const beforeKill = [...first]
    const callsBefore = provider.count()
    let foundAgain = 0
    await pass(
      'the same again after kill -9',
      beforeKill.map(([step]) => step),
      await listening(gateway),
      async (step, outcome) => {
        if (outcome.layer === 'exact' && isDeepStrictEqual(outcome.said, first.get(step)?.said)) foundAgain += 1
      }
    )
    console.log(`  found again ${foundAgain} of ${beforeKill.length}, provider calls ${provider.count() - callsBefore}`)

    await pass(
      'the rest',
      steps.filter((step) => !first.has(step)),
      await listening(gateway),
      async (step, outcome) => {
        first.set(step, outcome)
      }
    )
    const callsSoFar = provider.count()
    let hits = 0
    let equal = 0
    let differing = 0
    const swapped = new Map(steps.map((step) => [{ ...step, stream: !step.stream }, step]))
    await pass(
      'second pass, other order, plain and streaming swapped',
      shuffled([...swapped.keys()]),
      await listening(gateway),
      async (step, outcome) => {
        const original = swapped.get(step)
        if (outcome.layer === 'exact') hits += 1
        if (original !== undefined && isDeepStrictEqual(outcome.said, first.get(original)?.said)) equal += 1
        else if (differing++ < 5) console.log(`  differs: ${step.client} ${step.question.uid}`)
      }
    )
    console.log(
      `  hits ${hits} of ${steps.length}, equal ${equal} of ${steps.length}, provider calls ${provider.count() - callsSoFar}`
    )
    console.log(`  of the operator's log: ${gateway.errors().trim() || 'nothing'}`)
    if (hits !== steps.length || equal !== steps.length || foundAgain !== beforeKill.length) process.exitCode = 1
  } finally {
    gateway.process.kill('SIGKILL')
    await provider.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function start(provider: SimulatedProvider, folder: string): Program {
  return startProgram([
    'serve',
    '--port',
    '0',
    '--store',
    `embedded:${folder}`,
    '--openai-url',
    provider.openaiUrl,
    '--anthropic-url',
    provider.anthropicUrl
  ])
}

/** Asks all steps, several at a time; what fails (because the gateway was killed) is left out. */
async function pass(
  name: string,
  steps: readonly Step[],
  url: string,
  done: (step: Step, outcome: Outcome) => Promise<void>
): Promise<void> {
  console.log(`${name}: ${steps.length} requests`)
  const openai = new OpenAI({ apiKey: 'sk-arena', baseURL: `${url}/v1`, maxRetries: 0 })
  const anthropic = new Anthropic({ apiKey: 'sk-arena', baseURL: url, maxRetries: 0 })
  let next = 0
  async function work(): Promise<void> {
    for (let step = steps[next++]; step !== undefined; step = steps[next++]) {
      const outcome = await (step.client === 'openai' ? askOpenai(openai, step) : askAnthropic(anthropic, step)).catch(
        () => undefined
      )
      if (outcome !== undefined) await done(step, outcome)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
}

async function askOpenai(client: OpenAI, { question, stream }: Step): Promise<Outcome> {
  const body = { model: 'gpt-4-0314', messages: [{ role: 'user' as const, content: question.prompt }] }
  if (!stream) {
    const { data, response } = await client.chat.completions.create(body).withResponse()
    return { said: saidBy(data), layer: response.headers.get('x-reprise-layer') }
  }
  const { data, response } = await client.chat.completions
    .create({ ...body, stream: true, stream_options: { include_usage: true } })
    .withResponse()
  const completion = await ChatCompletionStream.fromReadableStream(data.toReadableStream()).finalChatCompletion()
  return { said: saidBy(completion), layer: response.headers.get('x-reprise-layer') }
}

function saidBy({ id, model, choices, usage }: OpenAI.ChatCompletion): unknown {
  return {
    id,
    model,
    usage,
    choices: choices.map(({ finish_reason, message: { content, tool_calls } }) => ({
      finish_reason,
      content,
      tool_calls: tool_calls ?? []
    }))
  }
}

async function askAnthropic(client: Anthropic, { question, stream }: Step): Promise<Outcome> {
  const body = {
    model: 'claude-3-5-sonnet-20241022',
    max_tokens: 4096,
    messages: [{ role: 'user' as const, content: question.prompt }]
  }
  if (!stream) {
    const { data, response } = await client.messages.create(body).withResponse()
    return { said: messageSaid(data), layer: response.headers.get('x-reprise-layer') }
  }
  const helper = client.messages.stream(body)
  const { response } = await helper.withResponse()
  return {
    said: messageSaid(await helper.finalMessage()),
    layer: response.headers.get('x-reprise-layer')
  }
}

/** The message as it crossed the wire: without what the SDK adds to the one of a stream. */
function messageSaid(message: Anthropic.Message): unknown {
  const {
    parsed_output: _parsed,
    _request_id,
    ...said
  } = message as Anthropic.Message & { parsed_output?: unknown; _request_id?: unknown }
  return said
}

function readLines<Line>(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** Another order, the same each time. */
function shuffled<Value>(values: Value[]): Value[] {
  let seed = 42
  for (let index = values.length - 1; index > 0; index--) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    const other = seed % (index + 1)
    const [a, b] = [values[index], values[other]]
    if (a !== undefined && b !== undefined) [values[index], values[other]] = [b, a]
  }
  return values
}

function fail(text: string): never {
  throw new Error(`no recorded answer to ${JSON.stringify(text.slice(0, 80))}`)
}
