/**
 * Sends one command to a Redis server and gives its reply: `command(['VSIM', key, 'FP32', bytes])`. Texts are sent as
 * UTF-8 and bytes as they are. Rejects when the server says no, is late or is gone.
 */
export type RedisCommand = (args: readonly (string | Uint8Array)[]) => Promise<unknown>
