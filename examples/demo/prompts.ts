import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'

/** A request of the workload, apart from whether it streams. */
export type Request =
  | {
      readonly client: 'openai'
      readonly endpoint: 'chat'
      readonly body: Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'stream'>
    }
  | {
      readonly client: 'openai'
      readonly endpoint: 'responses'
      readonly body: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'stream'>
    }
  | {
      readonly client: 'anthropic'
      readonly endpoint: 'messages'
      readonly body: Omit<Anthropic.MessageCreateParamsNonStreaming, 'stream'>
    }
  | { readonly client: 'openai'; readonly endpoint: 'embeddings'; readonly body: OpenAI.EmbeddingCreateParams }

/** What people ask: a request, and the same question in other words. */
export interface Prompt {
  readonly request: Request
  readonly rephrased: readonly Request[]
}

const supportRules = `You are the support assistant of Northwind Cloud, a hosting company.
Answer in at most two short paragraphs, in plain English, and name the page of the dashboard where the customer finds the setting.
Plans are Starter (9 EUR), Team (49 EUR) and Business (199 EUR) a month; yearly plans cost ten months.
Refunds are possible within 30 days of the first payment. Backups are kept for 14 days. The status page is status.northwind.example.
Never promise a date for a feature. If you do not know, say so and offer to open a ticket.`

const codeRules = `You are a senior engineer who reviews and explains code. Be precise, show the smallest working example,
say what it costs, and name one pitfall. Use TypeScript unless another language is asked for. Do not repeat the question.`

const writerRules = `You write for the engineering blog and the internal handbook of a software company. Prefer short sentences,
concrete examples and active voice. No marketing words.`

function chat(
  system: string,
  user: string,
  more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}
): Request {
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'system', content: system },
    { role: 'user', content: user }
  ]
  return { client: 'openai', endpoint: 'chat', body: { model: 'gpt-4o-mini', messages, temperature: 0.2, ...more } }
}

function respond(input: string, more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}): Request {
  const body = { model: 'gpt-5.4-mini', instructions: codeRules, input, ...more }
  return { client: 'openai', endpoint: 'responses', body }
}

function message(user: string, more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}): Request {
  // The rules are the same in each request, so they are marked for the provider's own prompt cache.
  const system: Anthropic.TextBlockParam[] = [{ type: 'text', text: writerRules, cache_control: { type: 'ephemeral' } }]
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: user }]
  const body = { model: 'claude-haiku-4-5', max_tokens: 1024, system, messages, ...more }
  return { client: 'anthropic', endpoint: 'messages', body }
}

function embed(...input: readonly string[]): Request {
  const body = { model: 'text-embedding-3-small', input: [...input], dimensions: 256 }
  return { client: 'openai', endpoint: 'embeddings', body }
}

/** The same request for one question in several wordings. */
function worded(ask: (question: string) => Request, question: string, ...others: readonly string[]): Prompt {
  return { request: ask(question), rephrased: others.map(ask) }
}

const support = (question: string) => chat(supportRules, question)
const code = (question: string) => chat(codeRules, question, { model: 'gpt-4.1-mini' })

const supportPrompts: readonly Prompt[] = [
  worded(support, 'How do I reset my password?', 'I forgot my password, how can I get a new one?'),
  worded(support, 'Can I get a refund for last month?', 'Is it possible to get my money back for the previous month?'),
  worded(
    support,
    'How do I move from the Starter plan to the Team plan?',
    'What do I have to do to upgrade from Starter to Team?'
  ),
  worded(
    support,
    'Where can I download my invoices with the VAT number on them?',
    'Where do I find invoices that show our VAT number?'
  ),
  worded(
    support,
    'How do I export all data of my project before I cancel?',
    'I am about to cancel. How can I take all project data with me?'
  ),
  worded(support, 'Is single sign-on with Okta part of the Business plan?', 'Does the Business plan include Okta SSO?'),
  worded(
    support,
    'How long are backups kept, and how do I restore one?',
    'For how many days do you keep backups and how is one restored?'
  ),
  worded(support, 'Do we get credit for the outage on Tuesday?', 'Will Tuesday’s downtime be credited to our account?'),
  worded(support, 'How do I delete a customer’s personal data on request?'),
  worded(support, 'Can two people share one seat on the Team plan?')
]

const codePrompts: readonly Prompt[] = [
  worded(code, 'Write a debounce function with a cancel method.', 'Implement debounce that can also be cancelled.'),
  worded(
    code,
    'Why does Postgres ignore my index on a lower-cased column?',
    'My index on lower(email) is not used by Postgres. Why?'
  ),
  worded(
    code,
    'How do I find out which two transactions deadlock?',
    'Two transactions deadlock in Postgres. How can I see which ones?'
  ),
  worded(
    code,
    'How can I make Docker reuse the npm install layer?',
    'Docker runs npm install on every build. How do I keep that layer cached?'
  ),
  worded(code, 'What is the difference between git rebase and git merge?', 'Explain git merge versus git rebase.'),
  worded(
    code,
    'Why does my React component render twice in development?',
    'In development my React component renders two times. What is going on?'
  ),
  worded(code, 'Show cursor pagination for a REST endpoint.', 'How is cursor-based pagination done in a REST API?'),
  worded(code, 'A pod is in CrashLoopBackOff. What do I look at first?'),
  worded(code, 'Should sessions live in a JWT or in a store?'),
  worded(code, 'Write a regular expression for ISO 8601 dates, and say what it does not check.'),
  worded(code, 'How do I limit the number of promises that run at the same time?')
]

const ticketSchema = {
  type: 'object',
  properties: {
    category: { enum: ['billing', 'outage', 'account', 'feature', 'other'] },
    urgency: { type: 'integer', minimum: 1, maximum: 5 },
    summary: { type: 'string' },
    products: { type: 'array', items: { type: 'string' } }
  },
  required: ['category', 'urgency', 'summary', 'products'],
  additionalProperties: false
}
const ticketFormat: OpenAI.ResponseFormatJSONSchema = {
  type: 'json_schema',
  json_schema: { name: 'ticket', schema: ticketSchema, strict: true }
}
const triage = (mail: string) =>
  chat('Sort support mails.', `Sort this mail:\n\n${mail}`, { response_format: ticketFormat, temperature: 0 })

const jsonPrompts: readonly Prompt[] = [
  worded(triage, 'Since this morning none of our three sites loads. Customers are calling. Please help at once!'),
  worded(triage, 'We were charged twice in March (invoices 20417 and 20418). Please check.'),
  worded(triage, 'It would be lovely if the dashboard had a dark theme.'),
  {
    request: chat('Answer in JSON only.', 'List the three largest planets with their radius in kilometres as JSON.', {
      response_format: { type: 'json_object' },
      temperature: 0
    }),
    rephrased: []
  }
]

const orderTool: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'find_order',
    description: 'Looks an order up by its number.',
    parameters: {
      type: 'object',
      properties: { number: { type: 'integer', minimum: 1000, maximum: 9999 }, detail: { enum: ['status', 'full'] } },
      required: ['number', 'detail'],
      additionalProperties: false
    }
  }
}
const ticketTool: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: { name: 'open_ticket', description: 'Opens a ticket for a person.', parameters: ticketSchema }
}
const withTools = (question: string) => chat(supportRules, question, { tools: [orderTool, ticketTool], temperature: 0 })

const toolPrompts: readonly Prompt[] = [
  worded(withTools, 'Where is order 4711? Please use the tool find_order.'),
  worded(withTools, 'Order 8812 arrived broken. Use the tools: look it up, and open a ticket.'),
  worded(withTools, 'What can you look up for me?')
]

const responsePrompts: readonly Prompt[] = [
  worded(
    respond,
    'Explain optimistic locking with a small example.',
    'What is optimistic locking? Show a short example.'
  ),
  worded(respond, 'When is a queue better than a cron job?', 'Queue or cron job: when do I take which?'),
  worded(
    respond,
    'How do I roll a database migration out without downtime?',
    'How can a schema migration be deployed with zero downtime?'
  ),
  worded(respond, 'What does idempotent mean for an HTTP API?', 'Explain idempotency of HTTP endpoints.'),
  worded(respond, 'Name three ways to cache a GET endpoint, with their risks.'),
  worded(respond, 'How do I test code that depends on the current time?'),
  worded(respond, 'Rewrite this without mutation: let sum = 0; for (const n of list) sum += n'),
  {
    request: respond(
      'A cache has a hit rate of 65 % and misses take 900 ms. What is the mean latency if hits take 2 ms?',
      {
        reasoning: { effort: 'low', summary: 'auto' }
      }
    ),
    rephrased: []
  },
  {
    request: respond('Is 2^61 - 1 prime? Think first.', { reasoning: { effort: 'medium', summary: 'auto' } }),
    rephrased: []
  },
  {
    request: respond('Extract the ticket from: “Login fails for all of us since 9:40, Team plan.”', {
      text: { format: { type: 'json_schema', name: 'ticket', schema: ticketSchema, strict: true } }
    }),
    rephrased: []
  },
  {
    request: respond('What is the status of order 2048? Use the tool.', {
      tools: [
        {
          type: 'function',
          name: 'find_order',
          description: 'Looks an order up by its number.',
          parameters: orderTool.function.parameters ?? null,
          strict: true
        }
      ]
    }),
    rephrased: []
  }
]

const searchTool: Anthropic.Tool = {
  name: 'search_handbook',
  description: 'Searches the internal handbook.',
  input_schema: {
    type: 'object',
    properties: { query: { type: 'string' }, limit: { type: 'integer', minimum: 1, maximum: 10 } },
    required: ['query', 'limit']
  }
}

const messagePrompts: readonly Prompt[] = [
  worded(
    message,
    'Write a short note to customers about planned maintenance on Sunday.',
    'Draft a brief customer notice: maintenance next Sunday.'
  ),
  worded(
    message,
    'Turn these points into release notes: faster search, dark theme, two fixes.',
    'Write release notes for: dark theme, quicker search, two bug fixes.'
  ),
  worded(
    message,
    'Explain to a new colleague what our on-call week looks like.',
    'Describe an on-call week for somebody who has just joined.'
  ),
  worded(message, 'Summarise the CAP theorem in five sentences.', 'Give a five-sentence summary of the CAP theorem.'),
  worded(
    message,
    'Write a polite reply to a customer who wants a discount.',
    'Answer a customer asking for a discount, politely.'
  ),
  worded(message, 'What belongs in a post-mortem, and what does not?'),
  worded(message, 'Suggest five titles for a post about caching answers of language models.'),
  worded(message, 'Make this sentence shorter: “In order to be able to proceed, it is necessary that you log in.”'),
  worded(message, 'Write an agenda for a one-hour meeting on flaky tests.'),
  { request: message('Review this paragraph: “Our API is very fast.”', { model: 'claude-sonnet-5' }), rephrased: [] },
  {
    request: message('How should we number our API versions?', {
      model: 'claude-sonnet-5',
      thinking: { type: 'adaptive' },
      max_tokens: 2048
    }),
    rephrased: []
  },
  {
    request: message('What does the handbook say about travel? Use the tool.', { tools: [searchTool] }),
    rephrased: []
  },
  {
    request: message('Find the rules for on-call pay.', {
      tools: [searchTool],
      tool_choice: { type: 'tool', name: 'search_handbook' }
    }),
    rephrased: []
  }
]

const embeddingPrompts: readonly Prompt[] = [
  ['How do I reset my password?'],
  ['Refunds are possible within 30 days of the first payment.'],
  ['Backups are kept for 14 days.', 'A backup is restored from the page Backups of the dashboard.'],
  ['The Team plan costs 49 EUR a month.', 'The Business plan costs 199 EUR a month.', 'Yearly plans cost ten months.'],
  ['Single sign-on is part of the Business plan.'],
  ['Every request is limited to 30 seconds.', 'A project may send 600 requests a minute.'],
  ['Where do I find invoices that show our VAT number?'],
  ['Login fails for all of us since 9:40, Team plan.']
].map((texts) => ({ request: embed(...texts), rephrased: [] }))

/** What an application asks its models: 60 prompts, 24 of them also in other words. */
export const prompts: readonly Prompt[] = [
  ...supportPrompts,
  ...codePrompts,
  ...jsonPrompts,
  ...toolPrompts,
  ...responsePrompts,
  ...messagePrompts,
  ...embeddingPrompts
]
