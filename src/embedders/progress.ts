/** How far the download of one of a model's files has come. */
export interface Progress {
  /** The file's name within the model: `model.safetensors`. */
  readonly file: string
  readonly loadedBytes: number
  /** Undefined as long as the other side has not said. */
  readonly totalBytes?: number
}
