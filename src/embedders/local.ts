import type { Embedder, EmbedOptions } from './embedder.ts'
import { type LocalModelOptions, localModel } from './local-model.ts'
import { LocalRunner } from './local-runner.ts'
import { checkMinSimilarity } from './min-similarity.ts'
import { unitVector } from './unit-vector.ts'

export interface LocalEmbedderOptions extends LocalModelOptions {
  /** How similar two texts must be, at least, to mean the same. Default: 0.92 for a MiniLM, 0.95 for other models. */
  readonly minSimilarity?: number
}

/** The ONNX form of sentence-transformers/all-MiniLM-L6-v2. */
const defaultModel = 'Xenova/all-MiniLM-L6-v2'

/**
 * Embeds with a sentence-transformers model in ONNX form, in a thread of its own: nothing else waits for it. Needs the
 * package `@huggingface/transformers`. The default model is `Xenova/all-MiniLM-L6-v2`, the ONNX form of
 * `sentence-transformers/all-MiniLM-L6-v2`, of which 23 MB are downloaded once. Pools as the model's
 * `1_Pooling/config.json` says, else by the mean. A text that does not fit into the model's window whole, or has a
 * token in it that the model does not know, has an empty vector: it would be like texts that mean something else.
 * @throws RepriseError `invalid-option`, `missing-dependency`, and `provider-unreachable` when a model cannot be downloaded
 */
export async function localEmbedder(options: LocalEmbedderOptions = {}): Promise<Embedder> {
  const { minSimilarity: asked, ...rest } = options
  const given = asked === undefined ? undefined : checkMinSimilarity(asked)
  const { id, name, thread: model } = await localModel('embedding', defaultModel, rest)
  const runner = new LocalRunner(model)
  try {
    // Runs once, so that what does not work is known now.
    await runner.ask([['']])
  } catch (error) {
    await runner.close()
    throw error
  }

  async function embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    const rows = await runner.ask(
      texts.map((text) => [text]),
      signal
    )
    return rows.map(unitVector)
  }

  return {
    name: 'local',
    model: `local:${id}`,
    minSimilarity: given ?? (/minilm/i.test(name) ? 0.92 : 0.95),
    isCheap: false,
    embed,
    close: () => runner.close()
  }
}
