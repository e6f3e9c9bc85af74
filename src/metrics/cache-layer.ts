/** The labels that are always reported, even before anything has been counted. */
export const standardCacheLayers = ['llm', 'llm_semantic', 'rag', 'rag_similarity'] as const

/**
 * What a layer is called in metrics when it deals with a kind: `llm` and `llm_semantic` of language models, `rag` and
 * `rag_similarity` of retrieval, else the kind's name and `KIND_semantic`; `single_flight` for all kinds.
 */
export function cacheLayer(kind: string, layer: string): string {
  if (layer === 'single-flight') return 'single_flight'
  const base = kind === 'retrieval' ? 'rag' : kind
  if (layer === 'exact') return base
  if (layer === 'semantic') return kind === 'retrieval' ? 'rag_similarity' : `${base}_semantic`
  return `${base}_${layer.replaceAll('-', '_')}`
}

/** Whether the label is that of a layer that answers by meaning. */
export function isSemantic(label: string): boolean {
  return label === 'rag_similarity' || label.endsWith('_semantic')
}
