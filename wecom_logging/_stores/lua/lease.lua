-- Who has the turn for something, and what was left. KEYS: its hash. ARGV: skew, constants, then
-- what to do: 'get'; 'left', value, seconds, used; 'drop', value.
-- 'get' answers {'value', value}, {'wait', seconds}, or {'turn'}.
local key, step = KEYS[1], ARGV[3]
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + tonumber(ARGV[1])
redis.call('HSET', key, 'v', 1)

local function number(field) return tonumber(redis.call('HGET', key, field) or nil) end

local function get()
  local value, refresh_at = redis.call('HGET', key, 'token'), number('refresh_at') or 0
  if value and now < refresh_at then return {'value', value} end
  local asked_at, wait = number('asked_at'), 0
  if now < (number('fetched_until') or 0) then wait = constants.poll
  elseif asked_at then wait = asked_at + constants.spacing - now end
  if wait > 0 then
    if value and now < refresh_at + constants.outlasts then return {'value', value} end
    return {'wait', string.format('%.6f', wait)}
  end
  redis.call('HSET', key, 'asked_before', asked_at or '', 'asked_at', now)
  redis.call('HSET', key, 'fetched_until', now + constants.turn)
  return {'turn'}
end

local answer = {}
if step == 'get' then
  answer = get()
elseif step == 'left' then
  redis.call('HDEL', key, 'fetched_until')
  if ARGV[4] ~= '' then
    redis.call('HSET', key, 'token', ARGV[4], 'refresh_at', now + tonumber(ARGV[5]))
  end
  if ARGV[6] == '0' then
    redis.call('HSET', key, 'asked_at', redis.call('HGET', key, 'asked_before') or '')
  end
elseif redis.call('HGET', key, 'token') == ARGV[4] then
  redis.call('HDEL', key, 'token')
end
redis.call('EXPIRE', key, cjson.decode(ARGV[2]).ttl)
return {'', answer}
