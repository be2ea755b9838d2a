-- A small document, see notes.py. KEYS: its hash. ARGV: skew, constants, then: step, value, seconds.
-- Answers what is there after it; an empty list if nothing is.
local key, step, value, seconds = KEYS[1], ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + tonumber(ARGV[1])
redis.call('HSET', key, 'v', 1)
local current = redis.call('HGET', key, 'value')
if (tonumber(redis.call('HGET', key, 'until') or nil) or 0) <= now then current = false end
local others = current and current ~= value
if step == 'read' or others and (step == 'hold' or step == 'leave') then
  return {'', current and {current} or {}}
end
if step == 'write' or step == 'hold' then
  redis.call('HSET', key, 'value', value, 'until', string.format('%.6f', now + seconds))
  redis.call('EXPIRE', key, math.min(math.ceil(seconds) + 60, 1000000000))
  return {'', {value}}
end
redis.call('DEL', key)
return {'', {}}
