-- It was delivered, or refused for good. ARGV: id, lost, the groups that were ('' for all, or
-- JSON), name, then of each follow-up: kind, slots, body.
local id, is_lost, name = ARGV[3], ARGV[4] == '1', ARGV[6]
local only = ARGV[5] ~= '' and cjson.decode(ARGV[5])
begin()
read_scope()
local head = get_head(id)

-- A burst that came in a silence is nothing new for whoever takes the silence back; a kind that
-- no message has told of yet is.
local function known_to_whoever_ended_it(part)
  return part.silence and part.silence.ended == 'undone' and part.track.told_at
    and part.track.pending_since <= part.silence['until']
end

local function told(group_id, part, count)
  local group = find_group(group_id)
  if not group then return end
  if count > 0 then
    group.out = math.max(0, group.out - count)
    tell(group.track, count)
    if part.track.news and not known_to_whoever_ended_it(part) then group.news_at = now end
    latest(extend(group.messages, {'m-' .. string.sub(id, 1, 4)}), rules.max_messages)
    if group.taken then group.track.pause = rules.repeat_intervals[#rules.repeat_intervals] end
  end
  -- What ended was told; a silence that is newer stays.
  if part.silence and group.silence and group.silence.since == part.silence.since and group.silence['until'] <= now then
    group.silence = nil
  end
  if group.taken and group.taken['until'] <= now then group.taken = nil end
  -- An error that came while the message was on its way has begun it anew.
  if part.ends and group.count == 0 and not group.track.again then
    group.track.over_told, group.track.loud, group.taken = true, false, nil
  end
  save(group_id, group)
end

local function book(part)
  for source_name, n in pairs(part.pending) do
    local source = get_source(source_name)
    if is_lost then source.lost = source.lost + n else source.reported = source.reported + n end
    if head.fallback and not is_lost then source.by_fallback = source.by_fallback + n end
    put(sources, source_name, source)
  end
end

-- What is left of a digest that was told in part, whose next message is another one.
local function keep(rest)
  for group_id, part in pairs(rest) do
    if head.unclear_since then part.doubtful = count_of(part) end
    put(parts, id .. '/' .. group_id, part)
  end
  head.unclear_since, head.lost, head.detour = nil, 0, nil
  put(digests, id, head)
  call('HDEL', bodies, id)
end

-- What fallbacks have told by now. It begins when the destination did not take any more.
local function further(count)
  local since = head.outage and head.now - (head.wall - head.outage[1]) or head.now
  local before = scope.detour or {since = since, count = 0}
  scope.detour = {
    since = math.min(since, before.since), ['until'] = now, count = before.count + count,
    name = head.fallback,
  }
end

local function settle_digest()
  local all, rest = 0, {}
  call('ZREM', unclear, id)
  if head.fallback then
    scope.fallback = no_trouble()
  else
    call('HDEL', dest, 'trouble', 'ways')
    call('HDEL', routes, head.route or '')
    if scope.detour and head.detour and scope.detour['until'] == head.detour['until'] then
      scope.detour = nil
    end
  end
  scope.last_message = now
  if scope.quiet and head.quiet and scope.quiet.since == head.quiet.since then scope.quiet = nil end
  for_parts(id, function(group_id, part)
    if only and not only[group_id] then
      rest[group_id] = part
      return
    end
    local count = count_of(part)
    all = all + count
    if count > 0 and part.track.news then scope.news_gate = now + rules.group_interval end
    told(group_id, part, count)
    book(part)
    -- For whoever asks later.
    local sample = get_samples(id .. '/' .. group_id)[1]
    if sample then put_samples('told/' .. group_id, {sample}) end
    if only then forget_part(id .. '/' .. group_id) end
  end)
  if head.fallback and not is_lost and all > 0 then further(all) end
  scope.lost = is_lost and scope.lost + all or math.max(0, scope.lost - head.lost)
  if next(rest) then keep(rest) else forget(id) end
  return not next(rest)
end

local function follow(kind, count, body, follow_id, free)
  local older = get_follow_up(kind)
  if older then
    if not older.lease_until then give_back(older.taken) end
    forget_follow_up(kind)
  end
  local taken = {}
  if #free >= count then
    for _ = 1, count do table.insert(taken, table.remove(free, 1)) end
  end
  put(following, kind, {
    id = follow_id, slots = count, since = now, taken = taken, attempts = 0, not_before = 0,
  })
  call('HSET', bodies, follow_id, body)
  table.insert(scope.following, kind)
end

if head then
  local whole, free = settle_digest(), head.extra
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
  for _, slot in ipairs(waiting.taken) do answered(slot, now) end
  forget_follow_up(kind)
end
write_scope()
return finish(1)
