/** What can be switched: everything, the kinds of requests, and the layers. */
export const switchNames = [
  'cache',
  'llm',
  'embedding',
  'retrieval',
  'value',
  'exact',
  'semantic',
  'single-flight',
  'batch'
] as const

export type SwitchName = (typeof switchNames)[number]
