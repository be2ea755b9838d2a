-- Add what a source has counted. ARGV: source, sequence, entries.
local name, sequence = ARGV[3], tonumber(ARGV[4])
begin()
local source = get_source(name)
if sequence <= source.q then
  return finish(0)
end
if source.f == 0 then source.f = sequence end
source.q, source.s = sequence, now
local desk = read(deskkey)

-- Groups that are over go, longest silent first; if none is, there are "others".
local function make_room(entry)
  if desk.full_until and now < desk.full_until then
    return entry.others
  end
  local oldest, rank
  for_groups(function(id, group)
    if is_over(group.t, group.n + group.o) then
      local mine = group.t.last_seen + (group.t.over_told and 0 or 1e12)
      if not oldest or mine < rank then oldest, rank = id, mine end
    end
  end)
  if oldest then
    drop_group(oldest)
    return entry
  end
  desk.full_until = now + rules.crowded
  return entry.others
end

local function new_group(entry)
  if redis.call('HEXISTS', groups, entry.id) == 0
    and redis.call('HLEN', groups) >= rules.max_groups then
    entry = make_room(entry)
    local others = get_group(entry.id)
    if others then return entry.id, others end
  end
  local track = entry.track
  track.first_seen, track.last_seen, track.since, track.due = now, now, now, now + entry.wait
  redis.call('HSET', identities, entry.id, entry.identity)
  return entry.id, {t = track, n = 0, d = 0, o = 0}
end

local function add(entry)
  local id, group = entry.id, get_group(entry.id)
  if not group or is_forgotten(group.t, group.n + group.o) then
    id, group = new_group(entry)
  end
  arrive(group.t, entry.count, group.n + group.o, entry.wait)
  if entry.news then hasten(group.t, entry.wait) end
  group.n, group.d = group.n + entry.count, group.d + entry.doubtful
  redis.call('HINCRBY', pending, id .. '|' .. name, string.format('%.0f', entry.count))
  if #entry.samples > 0 then
    local found = get_samples(id)
    for _, sample in ipairs(entry.samples) do table.insert(found, sample) end
    keep_samples(id, found)
  end
  put_group(id, group)
  note(desk, group.t, group.n)
  source.m = source.m + entry.count
end

-- Errors that have been told elsewhere.
local function cancel(entry)
  local group, field = get_group(entry.id), entry.id .. '|' .. name
  local there = tonumber(redis.call('HGET', pending, field) or 0)
  local taken = math.min(-entry.count, there)
  if not group or taken == 0 then return end
  if taken == there then
    redis.call('HDEL', pending, field)
  else
    redis.call('HINCRBY', pending, field, string.format('%.0f', -taken))
  end
  group.n, group.t.total = group.n - taken, group.t.total - taken
  put_group(entry.id, group)
  desk.look_at = now -- what it says was due may be gone
  source.m = source.m - taken
end

local function end_group(id)
  local group = get_group(id)
  if not group then return end
  end_(group.t, group.n + group.o)
  put_group(id, group)
  note(desk, group.t, group.n)
end

for _, entry in ipairs(cjson.decode(ARGV[5])) do
  if entry.count < 0 then cancel(entry) elseif entry.count > 0 then add(entry) end
  if entry.over then end_group(entry.id) end
end
put_source(name, source)
write(deskkey, desk, DESK)
return finish(1)
