-- Take everything that is pending, if something is due and a slot is free.
-- ARGV: source, urgent, insist, leaving, id, slot, wall, prefix of the same process, whether
-- it is urgent for news only.
-- Answers {'none'}, {'wait', seconds}, or {'claim', failures, now, field, value, ...}.
local source = ARGV[3]
local urgent, insist, leaving = ARGV[4] == '1', ARGV[5] == '1', ARGV[6] == '1'
local new_id, slot, wall, process = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
begin()
local desk, state = read(deskkey), read(dest)

local function has_news() return desk.critical or desk.news end
local function has_pending() return has_news() or desk.pause end
local function lease() return tonumber(redis.call('HGET', heldkey, 'lease_until') or nil) end

local function recover()
  local id, until_ = held_id(), lease()
  if id and until_ and until_ <= now then
    answered(redis.call('HGET', heldkey, 'slot'), until_)
    put_away(desk, redis.call('HEXISTS', heldkey, 'body') == 1)
  elseif id and not until_ then
    put_away(desk, false)
  end
  local oldest = string.format('%.6f', now - rules.unclear_for - LEASE)
  redis.call('ZREMRANGEBYSCORE', unclear, '-inf', oldest)
end

local function be_present()
  if leaving then
    redis.call('ZREM', fleet, source)
    redis.call('ZREM', seen, source)
    return
  end
  redis.call('ZADD', fleet, 'NX', now, source)
  redis.call('ZADD', seen, now, source)
  local gone = string.format('%.6f', now - rules.fleet_for)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', gone)) do
    redis.call('ZREM', fleet, name)
    redis.call('ZREM', seen, name)
  end
end

local function somebody_else_looks()
  local from, to = now - rules.dead_after, now + LOOK
  local names = redis.call(
    'ZRANGEBYSCORE', looks, string.format('%.6f', from), string.format('%.6f', to + 0.000001))
  for _, name in ipairs(names) do
    if string.sub(name, 1, #process) ~= process then return true end
  end
  return false
end

local function may_leave()
  if not has_pending() and (not held_id() or lease()) then return true end
  return not has_news() and somebody_else_looks()
end

-- Whether all groups of which a message may have something to say have pending errors; not
-- if the agenda speaks of a time that cannot be.
local function knows_all_concerned()
  local at = desk.look_at or 0
  return now < at and at <= now + rules.look_through
end

local function ids_with_pending()
  local ids = {}
  for _, field in ipairs(redis.call('HKEYS', pending)) do
    ids[string.sub(field, 1, string.find(field, '|', 1, true) - 1)] = true
  end
  return ids
end

-- The groups of which a message may have something to say.
local function for_concerned(ids, each)
  if not knows_all_concerned() then return for_groups(each) end
  for id in pairs(ids) do
    local group = get_group(id)
    if group then each(id, group) end
  end
end

-- Groups and sources that are forgotten go; the agenda becomes exact.
local function look_through()
  desk.critical, desk.news, desk.pause, desk.over = nil, nil, nil, nil
  desk.look_at = now + rules.look_through
  for_groups(function(id, group)
    if is_forgotten(group.t, group.n + group.o) then
      drop_group(id)
    else
      note(desk, group.t, group.n)
    end
  end)
  local flat = redis.call('HGETALL', sources)
  for i = 1, #flat, 2 do
    if now - cjson.decode(flat[i + 1]).s > rules.source_for then
      redis.call('HDEL', sources, flat[i])
    end
  end
  redis.call('ZREMRANGEBYSCORE', looks, '-inf', string.format('%.6f', now - rules.fleet_for))
end

-- What a group was noted for may be told, taken back or forgotten since.
local function make_exact()
  if not knows_all_concerned() then return look_through() end
  desk.critical, desk.news, desk.pause = nil, nil, nil
  for_concerned(ids_with_pending(), function(_, group) note(desk, group.t, group.n) end)
end

local function when_due()
  local at = due_at(desk)
  if not (urgent and has_pending()) and (not at or at > now) then return at end
  make_exact()
  if urgent and has_pending() then return now end
  return due_at(desk)
end

local function allowed_at()
  local purpose = urgent and 'flush' or desk.critical and 'critical' or 'message'
  local at = free_at(purpose)
  if insist and state.strict ~= 1 then return at end
  return math.max(at, state.resume_at or 0)
end

local function ends(group)
  local track = group.t
  if rules.recovery == 'off' and not track.loud then return false end
  if track.over_told or group.o > 0 or now < over_at(track) then return false end
  if known(track.ended_at) then return track.told > 0 or group.n > 0 end
  if not known(track.told_at) then return false end
  return group.n == 0 or (track.told > 0 and not track.again)
end

local function pending_by_group()
  local found, flat = {}, redis.call('HGETALL', pending)
  for i = 1, #flat, 2 do
    local bar = string.find(flat[i], '|', 1, true)
    local id, name = string.sub(flat[i], 1, bar - 1), string.sub(flat[i], bar + 1)
    found[id] = found[id] or {}
    found[id][name] = tonumber(flat[i + 1])
  end
  redis.call('DEL', pending)
  return found
end

-- Answers whether there was anything.
local function collect()
  local parts, by_group = {}, pending_by_group()
  for_concerned(by_group, function(id, group)
    local finished = ends(group)
    if group.n == 0 and not finished then return end
    table.insert(parts, {
      id = id, i = redis.call('HGET', identities, id), t = group.t, p = by_group[id] or {},
      s = get_samples(id), d = group.d, e = finished,
    })
    redis.call('HDEL', samples, id)
    group.o, group.n, group.d = group.o + group.n, 0, 0
    put_group(id, group)
  end)
  table.sort(parts, function(a, b)
    return a.t.first_seen < b.t.first_seen or (a.t.first_seen == b.t.first_seen and a.id < b.id)
  end)
  desk.critical, desk.news, desk.pause = nil, nil, nil
  if #parts == 0 then return false end
  redis.call('HSET', heldkey, 'id', new_id, 'parts', cjson.encode(parts),
    'now', now, 'wall', wall, 'lost', desk.lost or 0)
  if state.failing_since and now - state.failing_since >= rules.late_after then
    redis.call('HSET', heldkey, 'outage_since', state.failing_since, 'reason', state.reason)
  end
  return true
end

local function wait_for(at)
  if urgent then return rules.poll end
  return math.min(LOOK, math.max(rules.poll, at - now))
end

local function claim()
  local id, until_ = held_id(), lease()
  if id and until_ then return {'wait', wait_for(until_)} end
  local first = redis.call('ZRANGE', unclear, 0, 0)[1]
  if first and first ~= id then return {'wait', wait_for(state.resume_at or 0)} end
  local due = id and now or when_due()
  if not due then return {'none'} end
  local at = math.max(due, allowed_at())
  if at > now then
    local busy = id or has_pending()
    return {'wait', busy and math.min(at - now, LOOK) or at - now}
  end
  if not (id or collect()) then return {'none'} end
  take(slot)
  redis.call('HSET', heldkey, 'slot', slot, 'lease_until', now + LEASE)
  local answer = {'claim', tostring(state.failures or 0), string.format('%.6f', now)}
  for _, each in ipairs(redis.call('HGETALL', heldkey)) do table.insert(answer, each) end
  return answer
end

recover()
urgent = urgent and (has_news() ~= nil or ARGV[11] ~= '1')
be_present()
local left = leaving and may_leave()
if leaving and not left and redis.call('ZSCORE', looks, source) and not somebody_else_looks() then
  -- One that was due to look may have been left the errors of others who have ended.
  urgent, insist = true, true
end
local answer = left and {'none'} or claim()
write(deskkey, desk, DESK)
if leaving or answer[1] == 'none' then
  redis.call('ZREM', looks, source)
else
  redis.call('ZADD', looks, now + (answer[1] == 'wait' and answer[2] or LEASE), source)
end
if redis.call('HEXISTS', sources, source) == 1 then
  local me = get_source(source)
  me.s = now
  put_source(source, me)
end
if answer[1] == 'wait' then
  answer[2] = string.format('%.6f', answer[2])
end
return finish(answer)
