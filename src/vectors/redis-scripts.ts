import { redisScript } from '../core/redis-script.ts'

/**
 * Adds a vector: KEYS are the vector set and its expiries, ARGV the element's id, the vector, how many numbers it has,
 * when it expires, in how many milliseconds that is, and the quantisation. Both keys live as long as the last vector.
 * Answers 1, or -N when the set holds vectors of N numbers instead, and nothing is done.
 * An older vector is taken out first: Redis 8 does not tell its replicas and its append-only file of a VADD that only
 * replaces. The expiry comes after: what a script has done before an error stays done. The first line lets a server
 * that is full refuse the script whole; without it VREM would be a write, after which all others are let through.
 * EF 100, half of what is usual, halves the time for which the server does nothing else; what is as near as a hit has
 * to be is found as surely (docs/vectors.md).
 */
export const addVector = redisScript(`#!lua
if redis.call('VCARD', KEYS[1]) > 0 then
  local dimensions = redis.call('VDIM', KEYS[1])
  if dimensions ~= tonumber(ARGV[3]) then return -dimensions end
end
redis.call('VREM', KEYS[1], ARGV[1])
redis.call('VADD', KEYS[1], 'FP32', ARGV[2], ARGV[1], ARGV[6], 'EF', 100)
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
for i = 1, 2 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
end
return 1`)

/**
 * Takes elements out: KEYS are the vector set and its expiries, ARGV the time, how many may go, and ids. Of the ids go
 * those whose time is over or unknown: one that was replaced meanwhile stays. Then others whose time is over.
 * Answers how many of the expiries went, and the earliest that is left, if there is one.
 */
export const dropVectors = redisScript(`
local gone = 0
local function drop(id)
  redis.call('VREM', KEYS[1], id)
  gone = gone + redis.call('ZREM', KEYS[2], id)
end
for i = 3, #ARGV do
  local expires = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not expires or tonumber(expires) <= tonumber(ARGV[1]) then drop(ARGV[i]) end
end
local room = tonumber(ARGV[2]) - (#ARGV - 2)
if room > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, room)) do drop(id) end
end
return { gone, redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] }`)
