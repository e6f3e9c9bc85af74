import { RepriseError } from '../core/errors.ts'
import type { WireContent } from '../wires/wire-request.ts'
import type { Aim, HttpProviderOptions } from './http-provider.ts'

export interface AzureOptions {
  /** The resource's address: `https://NAME.openai.azure.com`, with or without `/openai/v1`. */
  readonly url: string
  /** Asks `/openai/deployments/...?api-version=` instead of `/openai/v1`. */
  readonly apiVersion?: string | undefined
  /** By model: the deployment's name where it is another. */
  readonly deployments?: Readonly<Record<string, string>> | undefined
}

/**
 * Where Azure is asked. Its newer interface reads the deployment in the request's `model`; the classic one reads it in
 * the path, except for endpoints that it got later (Responses), and wants its version with each request.
 * @throws RepriseError `invalid-option`
 */
export function azureAddress(
  name: string,
  { url, apiVersion, deployments = {} }: AzureOptions
): Pick<HttpProviderOptions, 'baseUrl' | 'aim' | 'query'> {
  if (/\/deployments\b/.test(url)) {
    throw new RepriseError(
      'invalid-option',
      `${name}: url: expected the resource's own, such as https://NAME.openai.azure.com, got one of a deployment; ` +
        'name deployments in `deployments`'
    )
  }
  const resource = url.replace(/\/+$/, '').replace(/\/openai(?:\/v1)?$/, '')
  const deploymentOf = (model: string): string =>
    (Object.hasOwn(deployments, model) ? deployments[model] : undefined) ?? model

  function aim({ wire, json: { model }, query }: WireContent): Aim {
    const path = wire.path + query
    if (typeof model !== 'string') return { path }
    const deployment = deploymentOf(model)
    if (apiVersion !== undefined && inPath.has(wire.path))
      // Callers name models as they like, and half a character has no place in an address.
      return { path: `/deployments/${encodeURIComponent(Buffer.from(deployment).toString())}${path}` }
    return deployment === model ? { path } : { path, fields: { model: deployment } }
  }

  return apiVersion === undefined
    ? { baseUrl: `${resource}/openai/v1`, aim }
    : { baseUrl: `${resource}/openai`, aim, query: { 'api-version': apiVersion } }
}

/** Endpoints below a deployment in the classic form. */
const inPath: ReadonlySet<string> = new Set(['/chat/completions', '/embeddings'])
