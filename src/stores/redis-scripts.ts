import { redisScript } from '../core/redis-script.ts'
import { logLastsMs, logRecords, noRecord } from './redis-layout.ts'

/**
 * Sets an entry with tags, or with a vector, or both. KEYS are the entry, its vector, the sorted sets that it is a
 * member of (those of its tags and of its vector's partition), and then the log if it has a vector. ARGV are the value,
 * its time to live and the member; then the vector and its partition.
 * One script, so that no entry is ever there that its tags do not know, and nothing is logged that is not there. On a
 * cluster all these keys would have to lie in one slot.
 * A sorted set drops what has expired whenever it is written to, and lives as long as its last member. A record of the
 * log says after which other it came, so that whoever reads on knows when something is missing in between.
 */
export const setIndexed = redisScript(`
local ttl = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + ttl)
local vector = ARGV[4]
local sets = #KEYS
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if vector then
  redis.call('SET', KEYS[2], vector, 'PX', ARGV[2])
  sets = sets - 1
else
  redis.call('UNLINK', KEYS[2])
end
for i = 3, sets do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', now))
  redis.call('ZADD', KEYS[i], expiry, ARGV[3])
  if redis.call('PTTL', KEYS[i]) < ttl then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
if vector then
  local log = KEYS[#KEYS]
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  redis.call('XADD', log, 'MAXLEN', '~', ${logRecords}, '*',
    'partition', ARGV[5], 'key', ARGV[3], 'expiry', expiry, 'after', last and last[1] or '${noRecord}')
  redis.call('PEXPIRE', log, ${logLastsMs})
end
return 1`)

/**
 * Deletes the entry KEYS[1] and its vector KEYS[2] if it bears the tag whose hash is ARGV[1]: an entry that was replaced
 * since may not. The hashes stand in the value's header: one byte of version, two of their number, then eight of each.
 */
export const deleteIfTagged = redisScript(`
local head = redis.call('GETRANGE', KEYS[1], 0, 2)
if #head < 3 then return 0 end
local count = head:byte(2) * 256 + head:byte(3)
local hashes = redis.call('GETRANGE', KEYS[1], 3, 2 + 8 * count)
for i = 1, #hashes, 8 do
  if hashes:sub(i, i + 7) == ARGV[1] then
    redis.call('UNLINK', KEYS[2])
    return redis.call('UNLINK', KEYS[1])
  end
end
return 0`)

/** Takes members off the sorted set KEYS[1], if their score is what it was: ARGV are members and scores in turn. */
export const untag = redisScript(`
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 0`)

/**
 * Adds ARGV[1] to the counter KEYS[1], which gets ARGV[2] milliseconds to live when it is made; nothing when it would
 * then be more than ARGV[3], if there is one. Lua's numbers are doubles: a sum beyond 2^53 may be rounded, and never
 * across a bound that is below. What adds up is the server, in whole numbers, and it gets them as they were written. The
 * count is given back as text: the client reads numbers digit by digit, and so that the largest ones come out rounded.
 */
export const increment = redisScript(`
if ARGV[3] then
  local count = tonumber(redis.call('GET', KEYS[1]) or '0')
  if count and count + tonumber(ARGV[1]) > tonumber(ARGV[3]) then return false end
end
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return string.format('%.0f', count)`)

/** Gives the lease KEYS[1] ARGV[2] milliseconds more, if ARGV[1] holds it. */
export const renewLease = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** Gives the lease KEYS[1] up, if ARGV[1] holds it. */
export const releaseLease = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
