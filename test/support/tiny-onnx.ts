/**
 * Writes ONNX models, as far as tests need them: the protocol buffers of onnx.proto by hand.
 * Numbers of fields and types are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */

export interface OnnxTensor {
  readonly name: string
  readonly dims: readonly number[]
  readonly data: Float32Array | BigInt64Array | Int8Array | Uint8Array
}

export interface OnnxNode {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, number | readonly number[] | { readonly float: number }>>
}

/** An input or output; a dimension may have a name instead of a size. */
export interface OnnxValue {
  readonly name: string
  readonly type: 'float32' | 'int64'
  readonly dims: readonly (number | string)[]
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly weights: readonly OnnxTensor[]
}

const float32 = 1
const uint8 = 2
const int8 = 3
const int64 = 7

/** The bytes of a model file. */
export function onnxModel(graph: OnnxGraph): Buffer {
  return Buffer.concat([
    whole(1, 8),
    text(2, 'tiny-onnx'),
    nested(
      7,
      ...graph.nodes.map((node) => nested(1, ...nodeFields(node))),
      text(2, 'graph'),
      ...graph.weights.map((weight) => nested(5, ...tensorFields(weight))),
      ...graph.inputs.map((value) => nested(11, ...valueFields(value))),
      ...graph.outputs.map((value) => nested(12, ...valueFields(value)))
    ),
    nested(8, text(1, ''), whole(2, 17))
  ])
}

function nodeFields({ type, inputs, outputs, attributes = {} }: OnnxNode): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, type),
    ...Object.entries(attributes).map(([name, value]) => nested(5, text(1, name), ...attributeFields(value)))
  ]
}

function attributeFields(value: number | readonly number[] | { readonly float: number }): Buffer[] {
  if (typeof value === 'number') return [whole(3, value), whole(20, 2)]
  if ('float' in value) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value.float)
    return [Buffer.concat([variable((2 << 3) | 5), bytes]), whole(20, 1)]
  }
  return [...value.map((each) => whole(8, each)), whole(20, 7)]
}

function tensorFields({ name, dims, data }: OnnxTensor): Buffer[] {
  const type =
    data instanceof Float32Array
      ? float32
      : data instanceof BigInt64Array
        ? int64
        : data instanceof Int8Array
          ? int8
          : uint8
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return [...dims.map((dim) => whole(1, dim)), whole(2, type), text(8, name), block(9, bytes)]
}

function valueFields({ name, type, dims }: OnnxValue): Buffer[] {
  const shape = nested(2, ...dims.map((dim) => nested(1, typeof dim === 'number' ? whole(1, dim) : text(2, dim))))
  return [text(1, name), nested(2, nested(1, whole(1, type === 'float32' ? float32 : int64), shape))]
}

function nested(field: number, ...parts: readonly Buffer[]): Buffer {
  return block(field, Buffer.concat(parts))
}

function text(field: number, value: string): Buffer {
  return block(field, Buffer.from(value))
}

function block(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([variable((field << 3) | 2), variable(bytes.length), bytes])
}

function whole(field: number, value: number): Buffer {
  return Buffer.concat([variable(field << 3), variable(value)])
}

function variable(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n) | 128)
  }
}
