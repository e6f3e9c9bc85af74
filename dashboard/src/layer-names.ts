import type { LayerStatistics, Statistics } from './api.ts'

interface LayerName {
  readonly title: string
  readonly colour: string
}

/** The layers' labels as people read them, in the order they are drawn, each with its colour's custom property. */
const names: Readonly<Record<string, LayerName>> = {
  llm: { title: 'LLM, exact', colour: '--teal' },
  llm_semantic: { title: 'LLM, semantic', colour: '--violet' },
  rag: { title: 'Retrieval, exact', colour: '--amber' },
  rag_similarity: { title: 'Retrieval, similar', colour: '--coral' },
  embedding: { title: 'Embeddings', colour: '--blue' },
  value: { title: 'Values', colour: '--pink' },
  single_flight: { title: 'Shared calls', colour: '--grey' }
}

export const layerOrder: readonly string[] = Object.keys(names)

export function layerName(label: string): LayerName {
  return Object.hasOwn(names, label) ? (names[label] as LayerName) : { title: label, colour: '--grey' }
}

/** All layers that a report has, the known ones first. */
export function layersOf(statistics: Statistics): LayerStatistics[] {
  return Object.values(statistics)
    .filter((part): part is LayerStatistics => typeof part === 'object' && part !== null && 'cache_layer' in part)
    .sort((a, b) => rank(a.cache_layer) - rank(b.cache_layer))
}

function rank(label: string): number {
  const place = layerOrder.indexOf(label)
  return place === -1 ? layerOrder.length : place
}
