import { RepriseError } from '../core/errors.ts'
import type { Embedder } from './embedder.ts'
import type { Progress } from './progress.ts'

export interface OpenEmbedderOptions {
  /** The base URL of an endpoint that speaks OpenAI's wire, `/v1` and all: `http://localhost:11434/v1` for Ollama. Default: OpenAI's. */
  readonly openaiUrl?: string
  readonly openaiKey?: string
  /** Default: `https://api.voyageai.com/v1`. */
  readonly voyageUrl?: string
  /** `voyage:` needs one. */
  readonly voyageKey?: string
  /** Where models are kept that were downloaded. */
  readonly cacheFolder?: string
  /** How similar two texts must be, at least, to mean the same. Default: the embedder's own. */
  readonly minSimilarity?: number
  /** Is told of a download, each time a piece of a file has come. */
  readonly progress?: (progress: Progress) => void
}

const expected = 'static:FOLDER_OR_NAME, local, local:MODEL, openai:MODEL or voyage:MODEL'
const whereKeysGo = 'set REPRISE_EMBEDDER_KEY, or the option voyageKey in the library'

/**
 * Opens the embedder that a text names: `static:./models/potion`, `static:minishlab/potion-base-8M`, `local`,
 * `openai:text-embedding-3-small`, `voyage:voyage-4`. All that follows the first colon is the model's name.
 * @throws RepriseError `invalid-option`, `missing-dependency`, `provider-unreachable` when a model cannot be downloaded
 */
export async function openEmbedder(spec: string, options: OpenEmbedderOptions = {}): Promise<Embedder> {
  const [, kind = '', model = ''] = /^(static|local|openai|voyage)(?::(.+))?$/s.exec(spec) ?? []
  const { openaiUrl, openaiKey, voyageUrl, voyageKey, cacheFolder, minSimilarity, progress } = options
  const least = given('minSimilarity', minSimilarity)
  const download = { ...given('cacheFolder', cacheFolder), ...given('progress', progress), ...least }
  if (kind === 'local') {
    const { localEmbedder } = await import('./local.ts')
    return localEmbedder({ ...download, ...given('model', model || undefined) })
  }
  if (kind === 'static' && model !== '') {
    const { staticEmbedder } = await import('./static.ts')
    return staticEmbedder({ model, ...download })
  }
  if (kind === 'openai' && model !== '') {
    const { openaiEmbedder } = await import('./openai.ts')
    return openaiEmbedder({ model, ...given('url', openaiUrl), ...given('apiKey', openaiKey), ...least })
  }
  if (kind === 'voyage' && model !== '') {
    if (voyageKey === undefined || voyageKey === '')
      throw new RepriseError('invalid-option', `embedder: ${spec} needs a key; ${whereKeysGo}`)
    const { voyageEmbedder } = await import('./voyage.ts')
    return voyageEmbedder({ model, apiKey: voyageKey, ...given('url', voyageUrl), ...least })
  }
  throw new RepriseError('invalid-option', `embedder: expected ${expected}, got ${JSON.stringify(spec)}`)
}

/** An option, when there is something to say. */
function given<Name extends string, Value>(name: Name, value: Value | undefined): { [name in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [name in Name]: Value })
}
