-- What all steps share. Each step is this file and its own, sent as one script: Redis does it
-- as a whole or not at all, and alone.
--
-- It keeps to `schedule.py`, `ratelimit.py` and the ledger, names included, and a document is the
-- JSON of a record in `records.py`, but that nothing stands for None, and that an empty list may
-- be an empty object. The tests hold all stores to the same answers. Options come in as JSON;
-- `constants`, what does not depend on them, stands before this file.

local call = redis.call
local slots, budget, dest, routes, unclear = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local fleet, seen, numbers, apps = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local digests, bodies = KEYS[10], KEYS[11]
-- From here on those that `freeze` is not given.
local scope_key, following = KEYS[12], KEYS[13]
local groups, identities, pending, samples = KEYS[14], KEYS[15], KEYS[16], KEYS[17]
local sources, looks, parts, jobs = KEYS[18], KEYS[19], KEYS[20], KEYS[21]
local sites, allowances = KEYS[22], KEYS[23]

local rules = setmetatable(cjson.decode(ARGV[2]), {__index = constants})
local LEASE, LOOK = rules.lease, rules.look

-- In whole milliseconds: cjson writes fourteen digits, and what is read has to be what was
-- written. ARGV[1] moves the clock, for tests; everywhere else it is 0.
local time = call('TIME')
local now = math.floor((time[1] + tonumber(ARGV[1])) * 1000 + time[2] / 1000) / 1000

-- The first write: where Redis has no memory left, or is a replica, it fails here, before
-- anything has been changed.
local function begin() call('HSET', dest, 'v', 1) end

local unreadable = ''

-- No key outlives the last who used it by more than that.
local function finish(answer)
  for _, key in ipairs(KEYS) do call('EXPIRE', key, rules.ttl) end
  return {unreadable, answer}
end

-- The earliest of some times, of which each may be none.
local function earliest(...)
  local first
  for i = 1, select('#', ...) do
    local at = select(i, ...)
    if at and (not first or at < first) then first = at end
  end
  return first
end

local function int(number) return string.format('%.0f', number) end

local function before(at) return string.format('(%.6f', at) end

local function is_number(value)
  return type(value) == 'number' and value == value and math.abs(value) < 1e15
end

-- Whether a value holds these numbers; `optional` are such as may be missing.
local function has_numbers(value, names, optional)
  if type(value) ~= 'table' then return false end
  for _, name in ipairs(names) do
    if not is_number(value[name]) then return false end
  end
  for _, name in ipairs(optional or {}) do
    if value[name] ~= nil and not is_number(value[name]) then return false end
  end
  return true
end

-- Whether a value is a table of which all that it holds is good.
local function every(value, good)
  if type(value) ~= 'table' then return false end
  for _, each in pairs(value) do
    if not good(each) then return false end
  end
  return true
end

-- What a field holds, or nil: what cannot be read, or is not good, counts as none.
local function document(key, field, good)
  local text = call('HGET', key, field)
  if not text then return nil end
  local decoded, value = pcall(cjson.decode, text)
  if decoded and type(value) == 'table' and (not good or good(value)) then return value end
  unreadable = string.match(key, '[^:]*$')
end

-- A number that is none, read where nobody looked for it, takes its document along and no more.
-- Answers what was written.
local function put(key, field, value)
  local encoded, text = pcall(cjson.encode, value)
  if encoded then
    call('HSET', key, field, text)
    return text
  end
  call('HDEL', key, field)
  unreadable = string.match(key, '[^:]*$')
end

local function are_texts(list)
  if type(list) ~= 'table' then return false end
  for _, each in ipairs(list) do
    if type(each) ~= 'string' then return false end
  end
  return true
end

local function without(list, gone)
  local left = {}
  for _, each in ipairs(list) do
    if each ~= gone then table.insert(left, each) end
  end
  return left
end

local function contains(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

-- Keeps so many of a list at most, the latest ones.
local function latest(list, most)
  while #list > most do table.remove(list, 1) end
  return list
end

local function extend(list, more)
  for _, each in ipairs(more) do table.insert(list, each) end
  return list
end

-- schedule.py ---------------------------------------------------------------------------

local TRACK = {
  'first_seen', 'last_seen', 'since', 'due', 'quiet_after', 'forget_after', 'total', 'earlier',
  'last_before', 'surge', 'surge_speed', 'told', 'step', 'pause', 'told_count', 'told_span',
  'pending_since',
}

local function is_track(track) return has_numbers(track, TRACK, {'told_at', 'ended_at'}) end

local function begin_track(wait, critical, job)
  return {
    first_seen = now, last_seen = now, since = now, due = now + wait,
    quiet_after = job and rules.job_for or rules.quiet_after,
    forget_after = job and math.max(rules.job_for, rules.forget_after) or rules.forget_after,
    critical = critical,
    total = 0, earlier = 0, last_before = 0, news = true, again = false, over_told = false,
    loud = false, surge = 0, surge_speed = 0, told = 0, step = -1, pause = 0, told_count = 0,
    told_span = 0, pending_since = 0,
  }
end

local function over_at(track)
  if track.ended_at then return track.ended_at end
  return math.max(track.last_seen + track.quiet_after, (track.told_at or track.first_seen) + track.pause)
end

local function is_over(track, count)
  return count == 0 and track.told_at and (track.over_told or now >= over_at(track))
end

local function is_forgotten(track, count)
  return count == 0 and now >= track.last_seen + track.forget_after
end

local function hasten(track, wait)
  if not track.news then track.news, track.due, track.step = true, now + wait, -1 end
end

local function arrive(track, count, untold, wait, left)
  if is_over(track, untold - left) then
    track.earlier, track.last_before = track.earlier + track.total, track.last_seen
    track.since, track.total, track.told = now, 0, 0
    track.again, track.over_told, track.loud = true, false, false
    if track.critical then track.news, track.due = true, now + wait end
  end
  track.ended_at = nil
  if untold == 0 then track.pending_since = now end
  track.total = track.total + count
  track.last_seen = now
  local gathered = math.max(1, now - track.pending_since)
  local surge = untold + count >= track.surge and untold + count >= track.surge_speed * gathered
  if surge then hasten(track, wait) end
end

local function end_(track, untold)
  if not track.over_told and (track.told > 0 or untold > 0) then
    track.ended_at = track.ended_at or now
    track.loud = track.told > 0
  end
end

local function ends_at_once(track) return track.ended_at and track.loud and not track.over_told end

local function tell(track, count)
  local last = track.told_at or track.since
  if track.step < 0 or now >= last + track.pause then track.step = track.step + 1 end
  track.step = math.min(track.step, #rules.repeat_intervals - 1)
  track.told_at, track.told_count, track.told_span = now, count, math.max(0, now - last)
  track.told = track.told + 1
  track.pause = rules.repeat_intervals[track.step + 1]
  track.surge = math.max(rules.surge_count, rules.surge_factor * count + 1)
  track.surge_speed = rules.surge_factor * count / math.max(1, track.told_span)
  track.news, track.again = false, false
  track.loud = track.ended_at ~= nil or rules.recovery == 'always'
    or rules.recovery == 'auto' and (track.critical or track.told > 1)
end

-- The scope ------------------------------------------------------------------------------

local function is_mark(mark) return has_numbers(mark, {'since', 'until'}) end

local function is_trouble(trouble)
  return has_numbers(trouble, {'failures', 'resume_at'}, {'since'})
end

local function no_trouble() return {failures = 0, resume_at = 0} end

-- The releases of an app: {release = {first seen, last seen}}.
local function are_releases(known)
  return every(known, function(seen) return has_numbers(seen, {1, 2}) end)
end

local DUE = {'critical', 'news', 'pause', 'over', 'ended', 'held'}

local function is_scope(found)
  local detour = found.detour
  return has_numbers(found.due_index, {'look_at'}, DUE)
    and has_numbers(found, {'news_gate', 'last_message', 'lost', 'full_until', 'hours_until'})
    and are_texts(found.out) and are_texts(found.following)
    and type(found.hours) == 'table' and are_releases(found.releases)
    and (not found.quiet or is_mark(found.quiet))
    and (not detour or is_mark(detour) and is_number(detour.count) and type(detour.name) == 'string')
    and is_trouble(found.fallback)
end

-- One that is new; or that was lost: have all groups looked through.
local function new_scope()
  local out, found = {}, {}
  for _, field in ipairs(call('HKEYS', parts)) do
    local id = string.match(field, '^[^/]*')
    if not found[id] then table.insert(out, id) end
    found[id] = true
  end
  return {
    due_index = {over = 0, look_at = 0}, news_gate = 0, last_message = 0, lost = 0, full_until = 0,
    hours_until = 0, hours = {}, releases = {}, out = out,
    following = call('HKEYS', following), fallback = no_trouble(),
  }
end

-- What `ScopeState` and its `DueIndex` hold.
local scope, due = nil, nil

local function read_scope()
  scope = document(scope_key, 'state', is_scope) or new_scope()
  due = scope.due_index
end

local function write_scope() put(scope_key, 'state', scope) end

local function has_news() return due.critical or due.news or due.ended end
local function has_pending() return has_news() or due.pause end

-- groups --------------------------------------------------------------------------------

-- A group is without its identity, which Lua does not read, and has `site`: its call site, and
-- what it is counted against there.
local function is_group(group)
  for _, field in ipairs({'recent', 'hours', 'releases', 'pending_releases', 'messages'}) do
    if type(group[field]) ~= 'table' then group[field] = {} end
  end
  if not is_mark(group.silence) then group.silence = nil end
  if not is_mark(group.taken) then group.taken = nil end
  if not are_texts(group.site) or not group.site[1] then group.site = nil end
  local crowd = group.crowd
  if not has_numbers(crowd, {'left', 'until'}) or not are_texts(crowd.heard) then group.crowd = nil end
  return has_numbers(group, {'number', 'count', 'doubtful', 'left', 'out'}) and is_track(group.track)
end

-- Errors of the last five minutes.
local function lately(recent)
  local count = 0
  for minute, n in pairs(recent) do
    local at = tonumber(minute)
    if at and is_number(n) and at > math.floor(now / 60) - 5 then count = count + n end
  end
  return count
end

-- Errors of the busiest five minutes that are known.
local function busiest(recent)
  local fives, most = {}, 0
  for minute, n in pairs(recent) do
    local five = math.floor((tonumber(minute) or 0) / 5)
    fives[five] = (fives[five] or 0) + (is_number(n) and n or 0)
    most = math.max(most, fives[five])
  end
  return most
end

-- Until when nothing may be told of a group, or since when its silence is to be.
local function held_until(group)
  if group.silence then return group.silence['until'] end
  local quiet = scope.quiet
  if not quiet or quiet['until'] <= now then return nil end
  local storm = math.max(lately(group.recent), busiest(group.recent)) >= rules.storm_count
  local cannot_wait = group.track.critical or storm and not group.track.told_at
  -- That it is over can.
  if group.count == 0 or not cannot_wait then return quiet['until'] end
end

local function note(group)
  local track, held = group.track, held_until(group)
  if held then
    due.held = earliest(due.held, held)
    due.look_at = math.min(due.look_at, held)
    return
  end
  if ends_at_once(track)
    or group.count == group.left and track.told_at and not track.over_told then
    local at, bound = over_at(track), track.ended_at and 'ended' or 'over'
    due.look_at = math.min(due.look_at, at)
    if track.loud then due[bound] = earliest(due[bound], at) end
  end
  if group.count == 0 then return end
  if not track.news then
    due.pause = earliest(due.pause, track.pause)
  elseif track.critical and group.out == 0 then
    due.critical = earliest(due.critical, track.due)
  else
    due.news = earliest(due.news, track.due)
  end
end

local function read_pending(text)
  local count, left = string.match(text or '', '^%[(%d+),(%d+)%]$')
  count, left = tonumber(count), tonumber(left)
  if is_number(count) and is_number(left) then return count, left end
  return 0, 0
end

-- By "<group>|<source>".
local function put_pending(field, count, left)
  call('HSET', pending, field, '[' .. int(count) .. ',' .. int(left) .. ']')
end

local function add_pending(id, group, source, errors)
  local field = id .. '|' .. source
  local count, left = read_pending(call('HGET', pending, field))
  put_pending(field, count + errors, left)
  group.count = group.count + errors
end

-- By group: {source = {count, left}}.
local function pending_by_group()
  local found, flat = {}, call('HGETALL', pending)
  for i = 1, #flat, 2 do
    local id, source = string.match(flat[i], '^([^|]*)|(.*)$')
    local count, left = read_pending(flat[i + 1])
    if id and count > 0 then
      found[id] = found[id] or {}
      found[id][source] = {count, left}
    end
  end
  return found
end

local function sum(by_source)
  local count = 0
  for _, each in pairs(by_source or {}) do count = count + each[1] end
  return count
end

-- Those that were read in this step, as they are now; false where there is none.
local known = {}

local function find_group(id)
  if known[id] == nil then known[id] = document(groups, id, is_group) or false end
  return known[id] or nil
end

local function put_group(id, group)
  known[id] = group
  put(groups, id, group)
end

local function begin_group(track, number)
  return {
    track = track, number = number, count = 0, doubtful = 0, left = 0, out = 0, recent = {},
    hours = {}, releases = {}, pending_releases = {}, messages = {},
  }
end

-- A group that has errors; what was known of it may not be readable any more.
local function get_group(id)
  local group = find_group(id)
  if not group then
    group = begin_group(begin_track(0, false), 0)
    group.count = sum(pending_by_group()[id])
  end
  return group
end

local function save(id, group)
  put_group(id, group)
  note(group)
end

-- variety.py

local function get_allowance(key)
  return document(allowances, key, function(value)
    return has_numbers(value, {'full_until'}) and are_texts(value.groups)
  end) or {groups = {}, full_until = 0}
end

-- A group has come to its call site (1), or gone (-1).
local function note_site(id, group, more)
  if not group.site then return end
  local site, key = group.site[1], group.site[2]
  local count = (tonumber(call('HGET', sites, site) or 0) or 0) + more
  if count > 0 then call('HSET', sites, site, int(count)) else call('HDEL', sites, site) end
  if not key then return end
  local allowance = get_allowance(key)
  allowance.groups = without(allowance.groups, id)
  if more > 0 then table.insert(allowance.groups, id) end
  if #allowance.groups > 0 then
    put(allowances, key, allowance)
  else
    call('HDEL', allowances, key)
  end
end

local function drop_group(id, group)
  known[id] = false
  call('HDEL', groups, id)
  call('HDEL', identities, id)
  call('HDEL', samples, id, 'told/' .. id)
  note_site(id, group, -1)
end

local function get_samples(field) return document(samples, field) or {} end

local function put_samples(field, found)
  while #found > rules.max_samples do
    table.remove(found, 2) -- the first one stays, and the latest ones
  end
  if #found > 0 then put(samples, field, found) end
end

local SOURCE = {'first', 'sequence', 'merged', 'reported', 'lost', 'seen', 'by_fallback'}

local function get_source(name)
  return document(sources, name, function(source) return has_numbers(source, SOURCE) end) or {
    first = 0, sequence = 0, merged = 0, reported = 0, lost = 0, seen = now, by_fallback = 0,
  }
end

-- slots -----------------------------------------------------------------------------------

-- The score of a slot is when it was answered, or has to be.
local function returned(n, window)
  local found = call('ZREVRANGE', slots, n - 1, n - 1, 'WITHSCORES')
  return found[2] and found[2] + window or 0
end

local function free_at(purpose)
  local at, longest = now, 0
  local last_taken = tonumber(call('HGET', budget, 'last_taken') or 0)
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
  call('ZREMRANGEBYSCORE', slots, '-inf', before(now - longest))
  return at
end

local function take(slot)
  call('ZADD', slots, now + LEASE, slot)
  call('HSET', budget, 'last_taken', now)
end

local function give_back(taken) for _, slot in ipairs(taken) do call('ZREM', slots, slot) end end

-- So many for a follow-up, named after `name`, or nil.
local function take_extra(count, name)
  local taken = {}
  for i = 1, count do
    if free_at('extra') > now then return give_back(taken) end
    table.insert(taken, name .. '-' .. i)
    take(taken[i])
  end
  return taken
end

local function answered(slot, at)
  local score = call('ZSCORE', slots, slot)
  if score and tonumber(score) > at then call('ZADD', slots, at, slot) end
end

-- routes ----------------------------------------------------------------------------------

local function trouble_at(key, field) return document(key, field, is_trouble) or no_trouble() end

local function failed_again(trouble, failure)
  trouble.failures, trouble.reason, trouble.strict = trouble.failures + 1, failure.reason, failure.strict
  trouble.since, trouble.setup, trouble.resume_at = trouble.since or now, failure.setup, now + failure.pause
  return trouble
end

local function fail(key, field, failure)
  put(key, field, failed_again(trouble_at(key, field), failure))
end

-- A failure of the way pauses its route, unless another one has failed as well.
local function failed(route, failure)
  if failure.way and not failure.unclear then
    fail(routes, route, failure)
    local ways = call('HGET', dest, 'ways')
    local list = ways and cjson.decode(ways) or {}
    if list[1] ~= route and #list < 2 then table.insert(list, route) end
    put(dest, 'ways', list)
    if #list < 2 then return end
  end
  fail(dest, 'trouble', failure)
end

-- digests -----------------------------------------------------------------------------------

-- The head of a digest.
local function get_head(id)
  return document(digests, id, function(head)
    return has_numbers(head, {'now', 'wall', 'lost'}, {'lease_until', 'unclear_since'})
      and are_texts(head.extra) and type(head.slot or '') == 'string'
      and (not head.quiet or is_mark(head.quiet))
      and (not head.detour or is_mark(head.detour))
      and (not head.outage or has_numbers(head.outage, {1}))
  end)
end

-- releases.py ------------------------------------------------------------------------------

-- Without doubles; the newer one is that which was seen later for the first time.
local function oldest_first(list, extra)
  local found = {}
  for _, from in ipairs({list, extra}) do
    for _, each in ipairs(from) do
      if type(each) == 'string' and not contains(found, each) then table.insert(found, each) end
    end
  end
  local function first(release) return scope.releases[release] and scope.releases[release][1] or 0 end
  table.sort(found, function(one, other)
    if first(one) ~= first(other) then return first(one) < first(other) end
    return one < other
  end)
  return found
end

local function is_part(part)
  if not is_track(part.track) then part.track = begin_track(0, false) end
  return has_numbers(part, {'doubtful', 'left'}) and every(part.pending, is_number)
end

local function count_of(part)
  local count = 0
  for _, n in pairs(part.pending) do count = count + n end
  return count
end

-- Calls `each(field, group id)` for what a digest has taken.
local function for_fields(id, each)
  local prefix = id .. '/'
  for _, field in ipairs(call('HKEYS', parts)) do
    if string.sub(field, 1, #prefix) == prefix then each(field, string.sub(field, #prefix + 1)) end
  end
end

-- The same with `each(group id, part)`.
local function for_parts(id, each)
  for_fields(id, function(field, group_id)
    local part = document(parts, field, is_part)
    if part then each(group_id, part) end
  end)
end

local function forget_part(field)
  call('HDEL', parts, field)
  call('HDEL', samples, field)
end

local function forget(id)
  call('ZREM', unclear, id)
  scope.out = without(scope.out, id)
  for_fields(id, forget_part)
  call('HDEL', digests, id)
  call('HDEL', bodies, id)
end

local function put_back(digest, id, part, doubtful)
  local count = count_of(part)
  if count == 0 then
    local there = find_group(id)
    return there and note(there) -- that it is over is still to be told
  end
  local group = get_group(id)
  group.out = math.max(0, group.out - count)
  if group.count > 0 then
    group.track.pending_since = math.min(group.track.pending_since, part.track.pending_since)
  end
  for source, n in pairs(part.pending) do add_pending(id, group, source, n) end
  group.left = group.left + part.left
  group.doubtful = group.doubtful + (doubtful and count or part.doubtful)
  if type(part.releases) == 'table' then
    group.pending_releases = latest(oldest_first(group.pending_releases, part.releases), rules.pending_releases)
    group.back_from = part.back_from or group.back_from
  end
  put_samples(id, extend(get_samples(digest .. '/' .. id), get_samples(id)))
  save(id, group)
end

-- Its errors are pending again.
local function take_apart(digest, doubtful)
  for_parts(digest, function(id, part) put_back(digest, id, part, doubtful) end)
  forget(digest)
end

local function may_repeat(head)
  return head.unclear_since and now - head.unclear_since < rules.unclear_for
    and rules.duplicate_check
end

-- A digest that nobody has since then: kept as it is if a retry is harmless, else taken apart.
local function put_away(id, head, is_unclear, since)
  answered(head.slot, since)
  give_back(head.extra)
  local at_fallback = head.fallback
  head.extra, head.lease_until, head.fallback, head.handed = {}, nil, nil, false
  -- What a fallback may have told is none to be repeated at the destination.
  if at_fallback and not head.unclear_since then return take_apart(id, is_unclear) end
  if is_unclear and not head.unclear_since then head.unclear_since = since end
  if may_repeat(head) then
    put(digests, id, head)
    call('ZADD', unclear, head.unclear_since, id)
  else
    take_apart(id, head.unclear_since ~= nil)
  end
end

-- follow-ups --------------------------------------------------------------------------------

local function get_follow_up(kind)
  return document(following, kind, function(waiting)
    return has_numbers(waiting, {'slots', 'since', 'attempts', 'not_before'}, {'lease_until'})
      and type(waiting.id) == 'string' and are_texts(waiting.taken)
  end)
end

local function forget_follow_up(kind)
  local waiting = get_follow_up(kind)
  scope.following = without(scope.following, kind)
  call('HDEL', following, kind)
  if waiting then call('HDEL', bodies, waiting.id) end
end

-- The kind that is under this lease, and it.
local function leased_follow_up(id)
  for _, kind in ipairs(scope.following) do
    local waiting = get_follow_up(kind)
    if waiting and waiting.id == id and waiting.lease_until then return kind, waiting end
  end
end

-- The `Account` of a source. Its place among all is by when they came.
local function account_of(name)
  local source, held = get_source(name), 0
  if due.held then
    for id, by_source in pairs(pending_by_group()) do
      local until_ = by_source[name] and held_until(get_group(id))
      if until_ and until_ > now then held = held + by_source[name][1] end
    end
  end
  local rank, size = call('ZRANK', fleet, name), call('ZCARD', fleet)
  return cjson.encode({
    int(source.reported), int(source.lost), int(source.merged), int(source.first), rank or size,
    rank and size or size + 1, int(held), math.max(0, scope.hours_until - now),
    int(source.by_fallback),
  })
end
