import { describe, expect, it } from 'vitest'
import { cacheLayer, isSemantic } from './cache-layer.ts'

describe('cacheLayer', () => {
  it.each([
    ['llm', 'exact', 'llm'],
    ['llm', 'semantic', 'llm_semantic'],
    ['retrieval', 'exact', 'rag'],
    ['retrieval', 'semantic', 'rag_similarity'],
    ['embedding', 'exact', 'embedding'],
    ['value', 'exact', 'value'],
    ['weather', 'semantic', 'weather_semantic'],
    ['llm', 'single-flight', 'single_flight'],
    ['retrieval', 'single-flight', 'single_flight'],
    ['retrieval', 'own-layer', 'rag_own_layer']
  ])('calls %s in the layer %s %s', (kind, layer, label) => {
    expect(cacheLayer(kind, layer)).toBe(label)
  })

  it('knows the labels of layers that answer by meaning', () => {
    const labels = ['llm', 'llm_semantic', 'rag', 'rag_similarity', 'weather_semantic', 'single_flight']
    expect(labels.filter(isSemantic)).toEqual(['llm_semantic', 'rag_similarity', 'weather_semantic'])
  })
})
