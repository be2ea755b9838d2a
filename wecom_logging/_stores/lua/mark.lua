-- What people do to groups, see marking.py. The last key holds acts. ARGV: wall, then what to do:
-- 'known', '' | 'mark', act | 'undo', act, seconds | 'acts', '' | 'whole', '', short id.
local acts, wall, step = KEYS[#KEYS], tonumber(ARGV[3]), ARGV[4]
local act = ARGV[5] ~= '' and cjson.decode(ARGV[5])
begin()
read_scope()

local function is_act(kept)
  return is_number(kept.at) and type(kept.act) == 'table' and type(kept.before) == 'table'
end

local function end_(answer)
  write_scope()
  local whole = finish(answer)
  redis.call('EXPIRE', acts, rules.acts_for)
  return whole
end

local function all_acts()
  local found = {}
  for _, key in ipairs(redis.call('HKEYS', acts)) do
    local kept = document(acts, key, is_act)
    if kept then table.insert(found, kept) else redis.call('HDEL', acts, key) end
  end
  table.sort(found, function(one, other) return one.at < other.at end)
  return found
end

local function remember(kept)
  put(acts, kept.act.key, kept)
  local all = all_acts()
  for i, each in ipairs(all) do
    if now - each.at <= rules.acts_for and #all - i < rules.max_acts then break end
    redis.call('HDEL', acts, each.act.key)
  end
end

local function is_on(mark)
  return mark and mark['until'] > now
end

local function last_pause()
  return rules.repeat_intervals[#rules.repeat_intervals]
end

local function taken(group, mark)
  group.w = mark
  if mark then
    group.t.pause = last_pause()
  else
    local step_ = math.max(0, math.min(group.t.step, #rules.repeat_intervals - 1))
    group.t.pause = rules.repeat_intervals[step_ + 1]
  end
end

local function undone(silence)
  silence['until'], silence.ended = now, 'undone'
end

local function refused(group)
  local over = is_over(group.t, group.n + group.o) and not is_on(group.s)
  local verb = act.verb
  if over and (verb == 'silence' or verb == 'take') then return 'over' end
  local limit = group.t.critical and rules.critical_limit or rules.silence_limit
  if verb == 'silence' and (act.seconds <= 0 or act.seconds > limit) then return 'too long' end
  if verb == 'silence' and act.until_release == true
    and redis.call('HEXISTS', scope_key, 'releases') == 0 then
    return 'no release'
  end
  if verb == 'unsilence' and not is_on(group.s) or verb == 'untake' and not group.w then
    return 'nothing'
  end
end

local function mark_group(group)
  local verb = act.verb
  if verb == 'silence' then
    group.s = {
      by = act.who, where = act.where, why = act.why, since = now, ['until'] = now + act.seconds,
      base = busiest(group.q), first = 0, ended = '', until_release = act.until_release == true,
    }
  elseif verb == 'unsilence' then
    undone(group.s)
  elseif verb == 'take' then
    taken(group, {
      by = act.who, where = act.where, since = now, ['until'] = now + rules.taken_for,
    })
  else
    taken(group, nil)
  end
end

local function groups_by_number()
  local found = {}
  for _, id in ipairs(redis.call('HKEYS', groups)) do
    local group = find_group(id)
    if group then found[group.k] = {id, group} end
  end
  return found
end

local function mark_groups(kept)
  local by_number = groups_by_number()
  for _, number in ipairs(act.ids) do
    local found = by_number[number]
    local refusal = not found and 'unknown' or refused(found[2])
    if refusal then
      kept.refused[number] = refusal
    else
      local id, group = found[1], found[2]
      -- As text, so that it is a copy.
      kept.before[id] = cjson.encode({s = group.s or nil, w = group.w or nil, ['_'] = 1})
      mark_group(group)
      table.insert(kept.ids, number)
      put_group(id, group)
    end
  end
end

local function put_quiet(quiet)
  scope.quiet = quiet
  if quiet then put(scope_key, 'quiet', quiet) else redis.call('HDEL', scope_key, 'quiet') end
end

-- The quiet hours that hold now, unless somebody has ended them.
local function hours()
  local quiet, until_ = scope.quiet, scope.hours_until or 0
  if not quiet or until_ <= now or quiet['until'] < until_ then return nil end
  return {
    by = 'quiet_hours', where = 'quiet_hours', why = '', since = quiet.since, ['until'] = until_,
  }
end

local function no_longer_quiet()
  if scope.quiet then
    scope.quiet['until'] = math.min(scope.quiet['until'], now)
    put_quiet(scope.quiet)
  end
end

local function mark()
  local kept = document(acts, act.key, is_act)
  if kept then return cjson.encode(kept) end
  kept = {act = act, at = now, wall = wall, before = {_ = ''}, ids = {}, refused = {_ = ''}}
  if act.verb == 'quiet' or act.verb == 'unquiet' then
    kept.quiet = scope.quiet and cjson.encode(scope.quiet) or nil
    if act.verb == 'unquiet' then
      no_longer_quiet()
    else
      local quiet, held = {
        by = act.who, where = act.where, why = act.why, since = now, ['until'] = now + act.seconds,
      }, hours()
      if held then
        quiet.since, quiet['until'] = held.since, math.max(quiet['until'], held['until'])
      end
      put_quiet(quiet)
    end
  else
    mark_groups(kept)
  end
  remember(kept)
  scope.look_at = 0 -- all groups are to be looked through
  scope.held = now
  return cjson.encode(kept)
end

local function take_back(group, verb, before)
  if verb == 'take' or verb == 'untake' then
    taken(group, is_on(before.w) and before.w or nil)
  elseif is_on(before.s) then
    group.s = before.s
  elseif is_on(group.s) then
    undone(group.s)
  end
end

local function kind_of(kept)
  return (string.gsub(kept.act.verb, '^un', ''))
end

-- The next act of the kind, on a group or on the app, see marking.py.
local function later(last, id)
  for _, kept in ipairs(all_acts()) do
    if kept.at > last.at and not kept.undone and kind_of(kept) == kind_of(last)
      and (not id or kept.before[id]) then
      return kept
    end
  end
end

local function undo(seconds)
  local last
  for _, kept in ipairs(all_acts()) do
    local any = #kept.ids > 0 or kept.act.verb == 'quiet' or kept.act.verb == 'unquiet'
    if any and kept.act.user == act.user and not kept.undone and now - kept.at <= seconds then
      last = kept
    end
  end
  if not last then return '' end
  last.undone = true
  put(acts, last.act.key, last)
  if kind_of(last) == 'quiet' then
    local next_ = later(last)
    if next_ then
      next_.quiet = last.quiet
      put(acts, next_.act.key, next_)
    else
      local quiet = last.quiet and cjson.decode(last.quiet)
      if not is_on(quiet) then quiet = hours() end
      if quiet then put_quiet(quiet) else no_longer_quiet() end
    end
  end
  for id, before in pairs(last.before) do
    local next_ = id ~= '_' and later(last, id)
    local group = id ~= '_' and find_group(id)
    if next_ then
      next_.before[id] = before
      put(acts, next_.act.key, next_)
    elseif group then
      take_back(group, last.act.verb, cjson.decode(before))
      put_group(id, group)
    end
  end
  scope.look_at, scope.held = 0, now
  return cjson.encode(last)
end

if step == 'mark' then return end_(mark()) end
if step == 'undo' then return end_(undo(tonumber(ARGV[6]))) end
if step == 'acts' then
  local found = {}
  for _, kept in ipairs(all_acts()) do table.insert(found, cjson.encode(kept)) end
  return end_(found)
end
if step == 'whole' then
  local found = groups_by_number()[ARGV[6]]
  if not found then return end_({}) end
  local id, sampled = found[1], get_samples('told/' .. found[1])
  for _, sample in ipairs(get_samples(id)) do table.insert(sampled, sample) end
  return end_({
    string.format('%.3f', now), id, redis.call('HGET', identities, id) or '',
    cjson.encode(found[2]), #sampled > 0 and cjson.encode(sampled) or '[]',
  })
end
-- Everything that is known: now, quiet, errors by hour, when each source was last heard of, jobs,
-- then of each group: id, identity, group.
local heard, ran = {}, {}
for _, name in ipairs(redis.call('HKEYS', sources)) do
  local source = get_source(name)
  heard[name] = {source.s, source.m}
end
for _, id in ipairs(redis.call('HKEYS', jobs)) do
  local history = document(jobs, id, function(found) return type(found.runs) == 'table' end)
  if history then table.insert(ran, history) end
end
local answer = {
  string.format('%.3f', now), scope.quiet and cjson.encode(scope.quiet) or '',
  cjson.encode(scope.hours), cjson.encode(heard), cjson.encode(ran),
}
for _, id in ipairs(redis.call('HKEYS', groups)) do
  local group = find_group(id)
  if group then
    for _, each in ipairs({
      id, redis.call('HGET', identities, id) or '', cjson.encode(group),
    }) do
      table.insert(answer, each)
    end
  end
end
return end_(answer)
