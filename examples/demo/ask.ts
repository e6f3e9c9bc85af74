import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import type { Step } from './workload.ts'

export interface Outcome {
  readonly endpoint: Step['endpoint']
  readonly stream: boolean
  /** Who answered: `exact`, `provider`, or `shared` for a call that another request had under way. */
  readonly layer: string
  readonly tookMs: number
  readonly savedUsd: number
}

interface Clients {
  readonly openai: OpenAI
  readonly anthropic: Anthropic
}

/** Asks one thing through its SDK, to the last token, and tells what the response's headers say. */
export async function ask(clients: Clients, step: Step): Promise<Outcome> {
  const startedAtMs = performance.now()
  const { headers } = await send(clients, step)
  const collapsed = headers.get('cache-status')?.includes('collapsed') === true
  return {
    endpoint: step.endpoint,
    stream: step.stream,
    layer: collapsed ? 'shared' : (headers.get('x-reprise-layer') ?? 'provider'),
    tookMs: performance.now() - startedAtMs,
    savedUsd: Number(headers.get('x-reprise-saved-usd') ?? 0)
  }
}

async function send({ openai, anthropic }: Clients, step: Step): Promise<Response> {
  switch (step.endpoint) {
    case 'embeddings':
      return (await openai.embeddings.create(step.body).withResponse()).response
    case 'chat':
      return step.stream
        ? drained(await openai.chat.completions.create({ ...step.body, stream: true }).withResponse())
        : (await openai.chat.completions.create({ ...step.body, stream: false }).withResponse()).response
    case 'responses':
      return step.stream
        ? drained(await openai.responses.create({ ...step.body, stream: true }).withResponse())
        : (await openai.responses.create({ ...step.body, stream: false }).withResponse()).response
    case 'messages':
      return step.stream
        ? drained(await anthropic.messages.create({ ...step.body, stream: true }).withResponse())
        : (await anthropic.messages.create({ ...step.body, stream: false }).withResponse()).response
  }
}

async function drained({ data, response }: { data: AsyncIterable<unknown>; response: Response }): Promise<Response> {
  for await (const _ of data);
  return response
}
