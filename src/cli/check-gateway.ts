import { RepriseError } from '../core/errors.ts'
import { adminClient } from './admin-client.ts'

/**
 * Looks whether there is a gateway at the URL, named with `flag`.
 * @throws RepriseError `provider-unreachable` when nobody answers, `provider-malformed` when it is no gateway
 */
export async function checkGateway(url: string, flag = '--url'): Promise<void> {
  const { store } = await adminClient({ url, flag }).get('/health')
  if (store === undefined) {
    throw new RepriseError(
      'provider-malformed',
      `what answers at ${url} is no Reprise gateway: name yours with ${flag} URL`
    )
  }
}
