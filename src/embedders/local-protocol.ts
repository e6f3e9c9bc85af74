/** How a text's vector is made of those of its tokens: their mean, or that of the first one. */
export type Pooling = 'mean' | 'cls'

/** What the thread of a local model is started with. */
export interface ThreadModel {
  /** The package that runs the model. */
  readonly library: string
  /** `embedding`: a row of numbers for each text. `pair`: one row for each two texts, read together. */
  readonly task: 'embedding' | 'pair'
  readonly folder: string
  /** Within the folder's `onnx`, without `.onnx`. */
  readonly file: string
  /**
   * True for a model of 8-bit numbers: such a model scales what it computes by the largest number in the batch, so that
   * a text's vector would depend on its neighbours. It is given one text at a time.
   */
  readonly isQuantized: boolean
  readonly pooling: Pooling
  /** How many threads compute. */
  readonly threads: number
}

/** One text to be embedded, or two to be read together. */
export type Item = readonly string[]

/** What the thread is asked: one question after the other. */
export interface Question {
  readonly items: readonly Item[]
}

/** What the thread is given when it starts. */
export interface ThreadData {
  readonly model: ThreadModel
  /** Of the `NativeTurn` that both sides share. */
  readonly memory: SharedArrayBuffer
}

/** Nothing more is asked: the thread ends. */
export type Farewell = 'close'

export type Reply =
  /** The model is loaded. `window` is how many tokens it sees. */
  | { readonly type: 'ready'; readonly window: number }
  /** A row for each item, one after the other. A row without numbers (NaN) is of a pair that the model cannot read. */
  | { readonly type: 'rows'; readonly rows: Float32Array; readonly width: number }
  | { readonly type: 'failed'; readonly message: string; readonly isMissing: boolean }
