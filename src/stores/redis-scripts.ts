import { redisScript } from '../core/redis-script.ts'
import { deletionRecords, deletionsLastMs, logLastsMs, logRecords, noRecord, version } from './redis-layout.ts'

/**
 * Sets an entry. KEYS are the entry, its vector, the latest deletion's mark, the sorted sets that the entry is a member of
 * (those of its tags and of its vector's partition), and then the log if it has a vector. ARGV are the value, its time to
 * live, the member and, unless it is empty, what the mark must still be; then the vector and its partition.
 * One script, so that no entry is ever there that its tags do not know, and nothing is logged that is not there. On a
 * cluster all these keys would have to lie in one slot.
 * A sorted set drops what has expired whenever it is written to, and lives as long as its last member. A record of the
 * log says after which other it came, so that whoever reads on knows when something is missing in between.
 */
export const setIndexed = redisScript(`
if ARGV[4] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return 0 end
local ttl = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + ttl)
local vector = ARGV[5]
local sets = #KEYS
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if vector then
  redis.call('SET', KEYS[2], vector, 'PX', ARGV[2])
  sets = sets - 1
else
  redis.call('UNLINK', KEYS[2])
end
for i = 4, sets do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', now))
  redis.call('ZADD', KEYS[i], expiry, ARGV[3])
  if redis.call('PTTL', KEYS[i]) < ttl then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
if vector then
  local log = KEYS[#KEYS]
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  redis.call('XADD', log, 'MAXLEN', '~', ${logRecords}, '*',
    'partition', ARGV[6], 'key', ARGV[3], 'expiry', expiry, 'after', last and last[1] or '${noRecord}')
  redis.call('PEXPIRE', log, ${logLastsMs})
end
return 1`)

/**
 * Gives the entry KEYS[1] the value ARGV[1], if the one it has begins with ARGV[2] and ARGV[4] is still the latest
 * deletion's mark, KEYS[2]. The other KEYS are the sorted sets of its new tags, and ARGV[3] is the member. A value begins
 * after its header. An entry that never expires is not this store's.
 */
export const replaceIndexed = redisScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[4] then return 0 end
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then return 0 end
local head = redis.call('GETRANGE', KEYS[1], 0, 2)
local start = 0
if #head == 3 and head:byte(1) == ${version} then start = 3 + 8 * (head:byte(2) * 256 + head:byte(3)) end
local length = #ARGV[2]
if length > 0 and redis.call('GETRANGE', KEYS[1], start, start + length - 1) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- What is left of its time has been rounded, and no set may lose it before it has gone.
ttl = ttl + 1
for i = 3, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', now))
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + ttl), ARGV[3])
  if redis.call('PTTL', KEYS[i]) < ttl then redis.call('PEXPIRE', KEYS[i], string.format('%.0f', ttl)) end
end
return 1`)

/**
 * The latest deletion's mark, KEYS[1], as text. One that is lost is made again of the server's time, and the log KEYS[2]
 * begins anew: nobody knows what else it has missed.
 */
export const beginMarks = redisScript(`
local mark = redis.call('GET', KEYS[1])
if tonumber(mark or '') then return mark end
redis.call('DEL', KEYS[2])
local time = redis.call('TIME')
mark = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], mark)
return mark`)

/**
 * Makes the latest deletion's mark KEYS[1] a greater one, and adds the deletion to the log KEYS[2] with the selector
 * ARGV[1]. A record says after which mark its own came, so that whoever reads on knows when something is missing.
 * Room is made first: a server that is full refuses what takes room, but not once a script has written, and it must let
 * things be deleted.
 */
const announcement = `
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -${deletionRecords})
local time = redis.call('TIME')
local mark = time[1] * 1000000 + time[2]
local after = redis.call('GET', KEYS[1]) or ''
local last = tonumber(after)
if not last then redis.call('DEL', KEYS[2]) elseif last >= mark then mark = last + 1 end
mark = string.format('%.0f', mark)
redis.call('SET', KEYS[1], mark)
redis.call('ZADD', KEYS[2], mark, mark .. ' ' .. after .. ' ' .. ARGV[1])
redis.call('PEXPIRE', KEYS[2], ${deletionsLastMs})`

export const announceDeletion = redisScript(`${announcement}
return 1`)

/** Announces the deletion of the entry KEYS[3], and deletes it and its vector KEYS[4]; the vector is not counted. */
export const deleteOne = redisScript(`${announcement}
redis.call('UNLINK', KEYS[4])
return redis.call('UNLINK', KEYS[3])`)

/** Deletes entries, each followed by its vector in KEYS; which of them were there, counted from 1. */
export const deleteThese = redisScript(`
local gone = {}
for i = 1, #KEYS, 2 do
  redis.call('UNLINK', KEYS[i + 1])
  if redis.call('UNLINK', KEYS[i]) == 1 then gone[#gone + 1] = (i + 1) / 2 end
end
return gone`)

/**
 * Whether an entry bears the tag of that hash; one that was replaced since it became a member of the tag's set may not.
 * The hashes stand in the value's header: one byte of version, two of their number, then eight of each. Few entries have
 * more than sixteen.
 */
const bears = `
local function bears(entry, hash)
  local head = redis.call('GETRANGE', entry, 0, 130)
  if #head < 3 then return false end
  local bytes = 3 + 8 * (head:byte(2) * 256 + head:byte(3))
  if bytes > 131 then head = redis.call('GETRANGE', entry, 0, bytes - 1) end
  for i = 4, bytes, 8 do
    if head:sub(i, i + 7) == hash then return true end
  end
  return false
end`

/** Which of the entries KEYS bear the tag whose hash is ARGV[1], counted from 1. */
export const findTagged = redisScript(`${bears}
local found = {}
for i = 1, #KEYS do
  if bears(KEYS[i], ARGV[1]) then found[#found + 1] = i end
end
return found`)

/**
 * Deletes those of the entries that bear the tag whose hash is ARGV[1], and takes all of them off its sorted set KEYS[1].
 * The other KEYS are the entries, each followed by its vector, and the other ARGV the members. Which of them went,
 * counted from 1.
 */
export const deleteTagged = redisScript(`${bears}
local gone = {}
for i = 2, #KEYS, 2 do
  if bears(KEYS[i], ARGV[1]) then
    redis.call('UNLINK', KEYS[i], KEYS[i + 1])
    gone[#gone + 1] = i / 2
  end
end
redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
return gone`)

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
