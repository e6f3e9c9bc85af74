import { RepriseError } from '../core/errors.ts'
import { type LocalModelOptions, localModel } from './local-model.ts'
import { LocalRunner } from './local-runner.ts'

export interface CrossEncoderOptions extends LocalModelOptions {
  /** How probable it must be, at least, that both mean the same: from 0 to 1. Default: 0.9. */
  readonly minProbability?: number
}

/** Says whether two texts mean the same, having read them together. */
export interface CrossEncoder {
  /** `cross-encoder:` and the model. */
  readonly name: string
  /** True when they mean the same. False for texts that the model cannot read whole. Rejects when `signal` aborts. */
  verify(a: string, b: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>
  close(): Promise<void>
}

/** Trained with pairs of questions, on whether they ask the same. */
const defaultModel = 'cross-encoder/quora-distilroberta-base'
const defaultMinProbability = 0.9

/**
 * Compares two questions with a model that reads both together (a cross-encoder in ONNX form), in a thread of its own:
 * slower than comparing vectors, and better at telling questions apart that have most words in common. Needs the package
 * `@huggingface/transformers`. The default model is `cross-encoder/quora-distilroberta-base`, of which 87 MB are
 * downloaded once. The probability is the logistic function of a model's one number, or the softmax of two, of which the
 * second stands for the same.
 * @throws RepriseError `invalid-option`, `missing-dependency`, and `provider-unreachable` when a model cannot be downloaded
 */
export async function crossEncoder(options: CrossEncoderOptions = {}): Promise<CrossEncoder> {
  const { minProbability = defaultMinProbability, ...rest } = options
  if (!(minProbability >= 0 && minProbability <= 1)) {
    throw new RepriseError('invalid-option', `minProbability: expected a number from 0 to 1, got ${minProbability}`)
  }
  const { id, thread: model } = await localModel('pair', defaultModel, rest)
  const runner = new LocalRunner(model)
  try {
    // Runs once, so that what does not work is known now.
    const [row] = await runner.ask([['', '']])
    if (row?.length !== 1 && row?.length !== 2) {
      const message = `the model in ${model.folder} says ${row?.length} numbers of two texts, expected 1 or 2: choose one that is trained to tell whether two questions are duplicates`
      throw new RepriseError('invalid-option', message)
    }
  } catch (error) {
    await runner.close()
    throw error
  }

  return {
    name: `cross-encoder:${id}`,
    async verify(a, b, { signal } = {}) {
      if (a.length > runner.maxCharacters || b.length > runner.maxCharacters) return false
      const [row] = await runner.ask([[a, b]], signal)
      return row !== undefined && probability(row) >= minProbability
    },
    close: () => runner.close()
  }
}

/** Of their meaning the same; NaN when the model cannot say. */
function probability(row: Float32Array): number {
  const [first = Number.NaN, second] = row
  return 1 / (1 + Math.exp(second === undefined ? -first : first - second))
}
