import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface WatchedLibrary {
  /** What a thread imports in place of `@huggingface/transformers`. */
  readonly library: string
  /** What it has done: `load`, and `run TEXTS,TOKENS`. */
  log(): readonly string[]
}

/**
 * Writes a module into a folder that does what `@huggingface/transformers` does, notes it in a file, and ends its
 * thread when it is given the text `die`.
 */
export function watchedLibrary(folder: string): WatchedLibrary {
  const file = join(folder, 'watched-library.mjs')
  const log = join(folder, 'log')
  writeFileSync(log, '')
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs'
import * as real from ${JSON.stringify(import.meta.resolve('@huggingface/transformers'))}
export const { env, Tensor } = real
const note = (line) => appendFileSync(${JSON.stringify(log)}, line + '\\n')
export const AutoTokenizer = {
  async from_pretrained(folder) {
    const tokenizer = await real.AutoTokenizer.from_pretrained(folder)
    const watched = (text, options) => (text === 'die' ? process.exit(7) : tokenizer(text, options))
    const { pad_token_id, unk_token_id, model_max_length } = tokenizer
    return Object.assign(watched, { pad_token_id, unk_token_id, model_max_length })
  }
}
export const AutoModel = {
  async from_pretrained(...given) {
    note('load')
    const model = await real.AutoModel.from_pretrained(...given)
    const watched = (inputs) => {
      note('run ' + inputs.input_ids.dims)
      return model(inputs)
    }
    return Object.assign(watched, { config: model.config })
  }
}
`
  )
  return {
    library: pathToFileURL(file).href,
    log: () => readFileSync(log, 'utf8').split('\n').slice(0, -1)
  }
}
