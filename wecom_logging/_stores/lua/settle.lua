-- It was delivered, or refused for good. ARGV: id, lost, the groups that were ('' for all, or
-- JSON), name, then of each follow-up: kind, slots, body.
local id, is_lost, name = ARGV[3], ARGV[4] == '1', ARGV[6]
local only = ARGV[5] ~= '' and cjson.decode(ARGV[5])
begin()
read_scope()
local head = get_head(id)

local function told(group_id, part, count)
  local group = find_group(group_id)
  if not group then return end
  if count > 0 then
    group.o = math.max(0, group.o - count)
    tell(group.t, count)
    if part.t.news then group.a = now end
    group.m = group.m or {}
    table.insert(group.m, string.sub(id, 1, 4))
    if #group.m > rules.max_messages then table.remove(group.m, 1) end
    if group.w then group.t.pause = rules.repeat_intervals[#rules.repeat_intervals] end
  end
  -- What ended was told; a silence that is newer stays.
  if part.s and group.s and group.s.since == part.s.since and group.s['until'] <= now then
    group.s = nil
  end
  if group.w and group.w['until'] <= now then group.w = nil end
  -- An error that came while the message was on its way has begun it anew.
  if part.e and group.n == 0 and not group.t.again then
    group.t.over_told, group.t.loud, group.w = true, false, nil
  end
  save(group_id, group)
end

local function book(part)
  for source_name, n in pairs(part.p) do
    local source = get_source(source_name)
    if is_lost then source.l = source.l + n else source.r = source.r + n end
    if type(head.fallback) == 'string' and not is_lost then
      source.b = (is_number(source.b) and source.b or 0) + n
    end
    put(sources, source_name, source)
  end
end

-- What is left of a digest that was told in part, whose next message is another one.
local function keep(rest)
  for group_id, part in pairs(rest) do
    if is_number(head.unclear) then part.d = count_of(part) end
    put(parts, id .. '/' .. group_id, part)
  end
  head.unclear, head.lost = nil, 0
  head.detour_since, head.detour_until, head.detour_count, head.detour_name = nil, nil, nil, nil
  put_head(id, head)
  redis.call('HDEL', bodies, id)
end

-- What fallbacks have told by now. It begins when the destination did not take any more.
local function further(count)
  local before, since = scope.detour, is_number(head.outage) and head.outage or head.now
  local detour = {since = since, ['until'] = now, count = count, name = head.fallback}
  if before then
    detour.since, detour.count = math.min(since, before.since), before.count + count
  end
  put(scope_key, 'detour', detour)
end

local function settle_digest()
  local all, rest = 0, {}
  redis.call('ZREM', unclear, id)
  if type(head.fallback) == 'string' then
    redis.call('HDEL', scope_key, 'fallback')
  else
    redis.call('HDEL', dest, 'trouble', 'ways')
    redis.call('HDEL', routes, head.route or '')
    if scope.detour and scope.detour['until'] == head.detour_until then
      redis.call('HDEL', scope_key, 'detour')
    end
  end
  scope.last_message = now
  if scope.quiet and scope.quiet.since == head.quiet_since then
    redis.call('HDEL', scope_key, 'quiet')
  end
  for_parts(id, function(group_id, part)
    if only and not only[group_id] then
      rest[group_id] = part
      return
    end
    local count = count_of(part)
    all = all + count
    if count > 0 and part.t.news then scope.news_gate = now + rules.group_interval end
    told(group_id, part, count)
    book(part)
    -- For whoever asks later.
    local sample = get_samples(id .. '/' .. group_id)[1]
    if sample then put_samples('told/' .. group_id, {sample}) end
    if only then forget_part(id .. '/' .. group_id) end
  end)
  if type(head.fallback) == 'string' and not is_lost and all > 0 then further(all) end
  scope.lost = is_lost and (scope.lost or 0) + all or math.max(0, (scope.lost or 0) - head.lost)
  if next(rest) then keep(rest) else forget(id) end
  return not next(rest)
end

local function follow(kind, count, body, follow_id, free)
  local older = get_follow_up(kind)
  if older then
    if not is_number(older.lease) then give_back(words(older.taken)) end
    forget_follow_up(kind)
  end
  local taken = {}
  if #free >= count then
    for _ = 1, count do table.insert(taken, table.remove(free, 1)) end
  end
  put(following, kind, {
    id = follow_id, slots = count, since = now, taken = table.concat(taken, ' '), attempts = 0,
    after = 0,
  })
  redis.call('HSET', bodies, follow_id, body)
  table.insert(scope.following, kind)
end

if head then
  local whole, free = settle_digest(), words(head.extra)
  for i = 7, #ARGV, 3 do
    follow(ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], name .. '-' .. i, free)
  end
  if whole then
    answered(head.slot, now)
    give_back(free)
  end
else
  local kind, waiting = leased_follow_up(id)
  if not kind then return finish(0) end
  for _, slot in ipairs(words(waiting.taken)) do answered(slot, now) end
  forget_follow_up(kind)
end
write_scope()
return finish(1)
