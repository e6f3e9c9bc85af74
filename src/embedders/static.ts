import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { RepriseError } from '../core/errors.ts'
import { throwIfAborted } from './abort.ts'
import type { Embedder, EmbedOptions } from './embedder.ts'
import { type HubOptions, hubFolder, isHubName } from './hub-folder.ts'
import { checkMinSimilarity } from './min-similarity.ts'
import { loadStaticModel, staticModelFiles } from './static-model.ts'

export interface StaticEmbedderOptions extends HubOptions {
  /**
   * A folder as model2vec writes them, or a model's name on the hub: `minishlab/potion-base-8M`. A folder is relative to
   * the working directory; `~` is the user's home. What is a folder is not looked for on the hub.
   */
  readonly model: string
  /** How similar two texts must be, at least, to mean the same. Default: 0.94. */
  readonly minSimilarity?: number
}

/**
 * Of pairs of questions that do not mean the same (QQP), a model of 256 dimensions takes 4 in 1,000 for the same from here
 * on; of pairs that it was not trained with, 15 in 1,000 from 0.92 on and 5 in 1,000 from 0.95 on.
 */
const defaultMinSimilarity = 0.94

/** After so many texts others have their turn: some 5 ms. */
const textsATurn = 128

/**
 * Embeds in this process, by a table of a vector for each token (model2vec): some 40 us a question, without a model to
 * run. It sees which words there are and not in what order: have guards beside it. A text of more
 * than 512 tokens has an empty vector.
 * @throws RepriseError `invalid-option`, and `provider-unreachable` when a model cannot be downloaded
 */
export async function staticEmbedder(options: StaticEmbedderOptions): Promise<Embedder> {
  const minSimilarity = checkMinSimilarity(options.minSimilarity ?? defaultMinSimilarity)
  const model = await loadStaticModel(await folderOf(options))

  async function embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    throwIfAborted(signal)
    const vectors: Float32Array[] = []
    for (const text of texts) {
      if (vectors.length > 0 && vectors.length % textsATurn === 0) {
        await nextTurn()
        throwIfAborted(signal)
      }
      vectors.push(model.embed(text))
    }
    return vectors
  }

  return {
    name: 'static',
    model: `static:${model.fingerprint}`,
    minSimilarity,
    isCheap: true,
    embed,
    close: async () => {}
  }
}

async function folderOf({ model, ...hub }: StaticEmbedderOptions): Promise<string> {
  const folder = resolve(model.replace(/^~(?=$|[/\\])/, () => join(homedir())))
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false
  )
  if (isFolder && model !== '') return folder
  if (isHubName(model)) return hubFolder(model, staticModelFiles, hub)
  throw new RepriseError(
    'invalid-option',
    `embedder: expected a folder with a model2vec model, or the name of one such as minishlab/potion-base-8M, got ${JSON.stringify(model)}`
  )
}
