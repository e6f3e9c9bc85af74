/** Headers of a request or a response, names in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[]>>

/** Headers in which SDKs send a credential. */
export const credentialHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const
