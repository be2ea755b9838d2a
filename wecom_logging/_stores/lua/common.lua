-- What all steps share. Each step is this file and its own, sent as one script: Redis does it
-- as a whole or not at all, and alone.
--
-- It keeps to `schedule.py`, `ratelimit.py` and `ledger.py`, names included; the contract
-- tests hold all stores to the same answers. Numbers of the options come in as JSON.

local dest, slots, unclear, fleet, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local deskkey, groups, identities, pending = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local samples, sources, looks, heldkey = KEYS[10], KEYS[11], KEYS[12], KEYS[13]

local rules = cjson.decode(ARGV[2])
local LEASE, LOOK = rules.lease, rules.look

-- In whole milliseconds: cjson writes fourteen digits, and what is read has to be what was
-- written. ARGV[1] moves the clock, for tests; everywhere else it is 0.
local time = redis.call('TIME')
local now = math.floor((time[1] + tonumber(ARGV[1])) * 1000 + time[2] / 1000) / 1000

-- The first write: where Redis has no memory left, or is a replica, it fails here, before
-- anything has been changed.
local function begin()
  redis.call('HSET', dest, 'v', 1)
end

-- No key outlives the last who used it by more than that.
local function finish(answer)
  for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, rules.ttl)
  end
  return answer
end

local function known(value)
  return value ~= nil and value ~= false and value ~= cjson.null
end

local function earlier(one, other)
  return (not one or other < one) and other or one
end

-- A hash of numbers and texts as a table.
local function read(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    found[flat[i]] = tonumber(flat[i + 1]) or flat[i + 1]
  end
  return found
end

local function write(key, values, names)
  for _, name in ipairs(names) do
    if known(values[name]) then
      redis.call('HSET', key, name, values[name])
    else
      redis.call('HDEL', key, name)
    end
  end
end

-- schedule.py ---------------------------------------------------------------------------

local function over_at(track)
  if known(track.ended_at) then return track.ended_at end
  local told_at = known(track.told_at) and track.told_at or track.first_seen
  return math.max(track.last_seen + track.quiet_after, told_at + track.pause)
end

local function is_over(track, untold)
  return untold == 0 and known(track.told_at) and now >= over_at(track)
end

local function is_forgotten(track, untold)
  return untold == 0 and now >= track.last_seen + track.forget_after
end

local function hasten(track, wait)
  if not track.news then
    track.news, track.due, track.step = true, now + wait, -1
  end
end

local function arrive(track, count, untold, wait)
  if is_over(track, untold) then
    track.earlier, track.last_before = (track.earlier or 0) + track.total, track.last_seen
    track.since, track.total, track.told = now, 0, 0
    track.again, track.over_told, track.loud = true, false, false
    if track.critical then
      track.news, track.due = true, now + wait
    end
  end
  track.ended_at = nil
  if untold == 0 then
    track.pending_since = now
  end
  track.total = track.total + count
  track.last_seen = now
  local gathered = math.max(1, now - track.pending_since)
  local surge = untold + count >= track.surge and untold + count >= track.surge_speed * gathered
  if surge then hasten(track, wait) end
end

local function end_(track, untold)
  if not track.over_told and (track.told > 0 or untold > 0) then
    track.ended_at = known(track.ended_at) and track.ended_at or now
    track.loud = track.told > 0
  end
end

local function ends_at_once(track)
  return known(track.ended_at) and track.loud and not track.over_told
end

-- agenda.py -----------------------------------------------------------------------------

local DESK = {
  'critical', 'news', 'pause', 'over', 'look_at', 'news_gate', 'last_message', 'lost', 'full_until',
}

local function note_end(desk, track)
  local at = over_at(track)
  desk.look_at = math.min(desk.look_at or 0, at)
  if track.loud then desk.over = earlier(desk.over, at) end
end

local function note(desk, track, count)
  if count > 0 and ends_at_once(track) then note_end(desk, track) end
  if count > 0 and track.news and track.critical then
    desk.critical = earlier(desk.critical, track.due)
  elseif count > 0 and track.news then
    desk.news = earlier(desk.news, track.due)
  elseif count > 0 then
    desk.pause = earlier(desk.pause, track.pause)
  elseif known(track.told_at) and not track.over_told then
    note_end(desk, track)
  end
end

local function due_at(desk)
  local at = desk.critical
  if desk.news then at = earlier(at, math.max(desk.news, desk.news_gate or 0)) end
  if desk.pause then at = earlier(at, (desk.last_message or 0) + desk.pause) end
  if desk.over then at = earlier(at, desk.over) end
  return at
end

-- groups --------------------------------------------------------------------------------

-- A group is {t = track, n = pending errors, d = how many of them are doubtful, o = errors
-- that are out}. Counts for each source are in `pending`, as "<group>|<source>".
local function get_group(id)
  local text = redis.call('HGET', groups, id)
  return text and cjson.decode(text)
end

local function put_group(id, group)
  redis.call('HSET', groups, id, cjson.encode(group))
end

local function drop_group(id)
  redis.call('HDEL', groups, id)
  redis.call('HDEL', identities, id)
  redis.call('HDEL', samples, id)
end

-- Calls `each(id, group)` for all groups, in no order.
local function for_groups(each)
  local flat = redis.call('HGETALL', groups)
  for i = 1, #flat, 2 do
    each(flat[i], cjson.decode(flat[i + 1]))
  end
end

local function keep_samples(id, found)
  while #found > rules.max_samples do
    table.remove(found, 2) -- the first one stays, and the latest ones
  end
  if #found > 0 then
    redis.call('HSET', samples, id, cjson.encode(found))
  end
end

local function get_samples(id)
  local text = redis.call('HGET', samples, id)
  return text and cjson.decode(text) or {}
end

-- A source is {f = its first batch, q = its last one, m = merged, r = reported, l = lost, s = seen}.
local function get_source(name)
  local text = redis.call('HGET', sources, name)
  return text and cjson.decode(text) or {f = 0, q = 0, m = 0, r = 0, l = 0, s = now}
end

local function put_source(name, source)
  redis.call('HSET', sources, name, cjson.encode(source))
end

-- slots -----------------------------------------------------------------------------------

-- The score of a slot is when it was answered, or has to be.
local function returned(n, window)
  local found = redis.call('ZREVRANGE', slots, n - 1, n - 1, 'WITHSCORES')
  return found[2] and found[2] + window or 0
end

local function free_at(purpose)
  local at, longest = now, 0
  local last_taken = tonumber(redis.call('HGET', dest, 'last_taken') or 0)
  for _, pair in ipairs(rules.rate_limit) do
    local attempts, window = pair[1], pair[2]
    local half = math.max(1, math.floor(attempts / 2))
    local allowed = attempts
    if purpose == 'extra' then allowed = half end
    if purpose == 'message' then allowed = math.max(1, attempts - 1) end
    at = math.max(at, returned(allowed, window))
    local halfway = returned(half, window)
    if halfway > now and purpose ~= 'flush' then
      at = math.max(at, math.min(last_taken + window / half, halfway))
    end
    longest = math.max(longest, window)
  end
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', string.format('%.6f', now - longest))
  return at
end

local function take(slot)
  redis.call('ZADD', slots, now + LEASE, slot)
  redis.call('HSET', dest, 'last_taken', now)
end

local function answered(slot, at)
  local score = redis.call('ZSCORE', slots, slot)
  if score and tonumber(score) > at then
    redis.call('ZADD', slots, at, slot)
  end
end

-- digests -----------------------------------------------------------------------------------

-- What is held is a hash: id, parts (JSON), now, wall, slot, lease_until, body, unclear_since,
-- outage_since, reason, lost. A part is {i = identity, t = track, p = {source = count},
-- s = samples, d = doubtful, e = it ends}.
local function held_id()
  return redis.call('HGET', heldkey, 'id')
end

local function held_parts()
  return cjson.decode(redis.call('HGET', heldkey, 'parts'))
end

local function count_of(part)
  local count = 0
  for _, n in pairs(part.p) do count = count + n end
  return count
end

local function put_back(desk, part, doubtful)
  local id, count = part.id, count_of(part)
  if count == 0 then return end
  local group = get_group(id) or {t = part.t, n = 0, d = 0, o = count}
  redis.call('HSETNX', identities, id, part.i)
  group.o = math.max(0, group.o - count)
  if group.n > 0 then
    group.t.pending_since = math.min(group.t.pending_since, part.t.pending_since)
  end
  group.n = group.n + count
  group.d = group.d + (doubtful and count or part.d)
  for source, n in pairs(part.p) do
    redis.call('HINCRBY', pending, id .. '|' .. source, string.format('%.0f', n))
  end
  local found = {}
  for _, sample in ipairs(part.s) do table.insert(found, sample) end
  for _, sample in ipairs(get_samples(id)) do table.insert(found, sample) end
  keep_samples(id, found)
  put_group(id, group)
  note(desk, group.t, group.n)
end

-- A digest that nobody has: kept as it is if a retry is harmless, else taken apart.
local function put_away(desk, is_unclear)
  redis.call('HDEL', heldkey, 'lease_until')
  if is_unclear then
    redis.call('HSETNX', heldkey, 'unclear_since', now)
  end
  local id = held_id()
  local since = tonumber(redis.call('HGET', heldkey, 'unclear_since') or nil)
  if since and now - since < rules.unclear_for and rules.duplicate_check then
    redis.call('ZADD', unclear, since, id)
    return
  end
  redis.call('ZREM', unclear, id)
  for _, part in ipairs(held_parts()) do
    put_back(desk, part, since ~= nil)
  end
  redis.call('DEL', heldkey)
end
