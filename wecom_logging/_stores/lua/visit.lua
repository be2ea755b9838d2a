-- Add what a source has counted, and take what is due, if that is asked for.
-- ARGV: wall, batches, asker ('' or JSON), digest id, slot.
-- Answers {'none'}, {'wait', seconds}, {'follow', kind, slots, id, attempt, body}, or
-- {'claim', failures, id, head, body, 1 if it is for the fallback, then of each part: group,
-- identity, short id, part, samples}.
local wall = tonumber(ARGV[3])
begin()
read_scope()

local function new_number(id, first)
  local base = rules.five_digits
  if redis.call('HLEN', numbers) >= base then base = 10 * base end
  local whose = rules.own .. '|' .. id
  for step = 0, 9 * base do
    local number = int(base + (first + step) % (9 * base))
    local entry = document(numbers, number, function(e) return is_number(e.s) end)
    if not entry or entry.w == whose or now - entry.s > rules.number_for then
      put(numbers, number, {w = whose, s = now})
      return number
    end
  end
end

-- merging.py ----------------------------------------------------------------------------

-- Forgets the group that is over and has been silent longest, if any of them is over.
local function drop_oldest(ids)
  local oldest, rank, last
  for _, id in ipairs(ids) do
    local group = find_group(id)
    if group and not group.s and is_over(group.t, group.n + group.o) then
      local mine = group.t.last_seen + (group.t.over_told and 0 or 1e12)
      if not oldest or mine < rank then oldest, rank, last = id, mine, group end
    end
  end
  if oldest then drop_group(oldest, last) end
  return oldest
end

-- Groups that are over go; if none is, there are "others".
local function make_room(entry)
  local beyond = rules.others[entry.critical and 2 or 1]
  if scope.full_until and now < scope.full_until then return beyond end
  if drop_oldest(redis.call('HKEYS', groups)) then return nil end
  scope.full_until = now + rules.crowded
  return beyond
end

-- Whether its call site may have another group of the kind; one that is over makes room.
local function has_allowance(way)
  if not way.key then return true end
  local allowance = get_allowance(way.key)
  if #allowance.ids < way.limit then return true end
  if now < allowance.u then return false end
  if drop_oldest(allowance.ids) then return true end
  allowance.u = now + rules.crowded
  put(allowances, way.key, allowance)
  return false
end

-- `entry.ways` are the groups that it may belong to, one after the other: see `Identity.beyond`.
local function new_group(entry, wait)
  local way
  for i, each in ipairs(entry.ways) do
    way = each
    local there = i > 1 and find_group(way.id)
    if there then return way.id, there end
    if has_allowance(way) then break end
  end
  local identity, site, job = entry.identity, entry.site, entry.job
  -- A tenth is kept for call sites that have none yet.
  local kept = site and redis.call('HEXISTS', sites, site) == 1 and math.floor(rules.max_groups / 10) or 0
  local crowds = 0
  for _, each in ipairs(rules.others) do
    crowds = crowds + redis.call('HEXISTS', groups, each.ways[1].id)
  end
  if redis.call('HEXISTS', groups, way.id) == 0
    and redis.call('HLEN', groups) - crowds >= rules.max_groups - kept then
    local beyond = make_room(entry)
    if beyond then
      way, identity, site, job = beyond.ways[1], beyond.identity, nil, false
      local there = find_group(way.id)
      if there then return way.id, there end
    end
  end
  redis.call('HSET', identities, way.id, identity)
  local group = {
    t = begin_track(wait, entry.critical, job), n = 0, d = 0, l = 0, o = 0,
    k = new_number(way.id, way.first), q = {}, h = {}, r = {}, e = {}, y = site and {site, way.key},
  }
  note_site(way.id, group, 1)
  return way.id, group
end

-- Whether a crowd says something new: somebody whom it has not heard lately, or who has new
-- words; ten times an hour at most.
local function is_news(entry, id, group)
  if id ~= entry.site and id ~= rules.others[entry.critical and 2 or 1].ways[1].id then
    return entry.news
  end
  group.c = group.c or {n = 0, u = 0, ids = {}}
  local crowd, news = group.c, entry.news
  local said = entry.ways[1].id
  if #without(crowd.ids, said) == #crowd.ids then
    table.insert(crowd.ids, said)
    if #crowd.ids > rules.max_heard then table.remove(crowd.ids, 1) end
    news = true
  end
  if not news then return false end
  if now >= crowd.u then crowd.n, crowd.u = rules.crowd_news, now + rules.crowd_news_for end
  crowd.n = crowd.n - 1
  return crowd.n >= 0
end

-- marks.py

-- Errors by minute: single ones of the last five, five at once before that, for an hour.
local function counted(recent, errors)
  local found, minute = {}, math.floor(now / 60)
  local function add_(at, n)
    if at <= minute - 65 or at > minute or not is_number(n) then return end
    if at <= minute - 5 then at = at - at % 5 end
    found[int(at)] = (found[int(at)] or 0) + n
  end
  for at, n in pairs(recent) do add_(tonumber(at) or 0, n) end
  add_(minute, errors)
  return found
end

-- Errors by hour, of the current one and those before it.
local function by_hour(hours, errors)
  local found, hour = {}, math.floor(now / 3600)
  for at, n in pairs(hours) do
    local number = tonumber(at)
    if number and number >= hour - rules.hours and number <= hour and is_number(n) then found[at] = n end
  end
  found[int(hour)] = (found[int(hour)] or 0) + errors
  return found
end

-- releases.py

-- Errors of a release have come.
local function note_app()
  local known, seen = scope.releases, scope.releases[rules.release]
  if seen and now - seen[2] <= rules.about then return end
  known[rules.release] = {seen and seen[1] or now, now}
  scope.released = true
  local count, oldest = 0, nil
  for release, each in pairs(known) do
    count = count + 1
    if not oldest or each[2] < known[oldest][2] or each[2] == known[oldest][2] and release < oldest then
      oldest = release
    end
  end
  if count > rules.known_releases then known[oldest] = nil end
end

-- One that was over and comes with a release that it has not been seen in is news.
local function note_group(group, wait)
  local release, seen = rules.release, false
  for _, each in ipairs(group.r) do seen = seen or each == release end
  if not seen then
    if #group.r > 0 and group.t.again then
      hasten(group.t, wait)
      group.b = group.b or group.r[#group.r]
    end
    group.r = oldest_first(group.r, {release})
    if #group.r > rules.group_releases then table.remove(group.r, 2) end
  end
  group.e = latest(oldest_first(group.e, {release}), rules.pending_releases)
  local silence = group.s
  if silence and silence.until_release == true and silence['until'] > now
    and scope.releases[release] and scope.releases[release][1] > silence.since then
    silence['until'], silence.ended, silence.release = now, 'release', release
  end
end

-- A job has failed, or worked: {name, every, runs, ok, failed}. Of each hour the last run is kept.
local function note_run(entry)
  local history = document(jobs, entry.ways[1].id, function(found) return type(found.runs) == 'table' end)
  if not history then
    if redis.call('HLEN', jobs) >= rules.max_jobs then return end
    history = {name = entry.name, runs = {}}
  end
  local runs = {}
  for _, at in ipairs(history.runs) do
    if is_number(at) and now - at <= rules.runs_for then table.insert(runs, at) end
  end
  if #runs > 0 and math.floor(runs[#runs] / 3600) == math.floor(now / 3600) then table.remove(runs) end
  table.insert(runs, now)
  history.runs, history.every = runs, entry.every
  history[entry.count > 0 and 'failed' or 'ok'] = now
  put(jobs, entry.ways[1].id, history)
end

-- A storm that is none of its own breaks a silence.
local function endure(silence, recent, errors)
  if silence['until'] <= now then return end
  if now < silence.since + rules.storm_span then
    silence.first = silence.first + errors
  elseif lately(recent) >= math.max(
    rules.storm_count, rules.storm_factor * math.max(silence.base, silence.first)) then
    silence['until'], silence.ended = now, 'storm'
  end
end

local function add(entry, source)
  local way, wait = entry.ways[1], entry.critical and 0 or rules.group_wait
  local id, group = way.id, find_group(way.id)
  if not group then
    id, group = new_group(entry, wait)
  elseif not entry.changing and group.y and string.sub(group.y[2] or '', -2) == ' *' then
    note_site(id, group, -1)
    group.y = {entry.site, way.key}
    note_site(id, group, 1)
    redis.call('HSET', identities, id, entry.identity)
  end
  if is_forgotten(group.t, group.n + group.o - group.l) then
    local first = group.t.pending_since
    group.t = begin_track(wait, entry.critical, entry.job and id == way.id)
    group.t.pending_since = first
    group.r = {}
  end
  if group.k == '' then group.k = new_number(id, way.first) end
  local since = group.t.since
  arrive(group.t, entry.count, group.n + group.o, wait, group.l)
  if is_news(entry, id, group) then hasten(group.t, wait) end
  group.q, group.h = counted(group.q, entry.count), by_hour(group.h, entry.count)
  if group.t.since ~= since then group.w = nil end -- it was over, or forgotten
  if group.s then endure(group.s, group.q, entry.count) end
  if rules.release ~= '' then note_group(group, wait) end
  local field = id .. '|' .. source
  local count, left = get_pending(field)
  put_pending(field, count + entry.count, left)
  group.n, group.d = group.n + entry.count, group.d + entry.doubtful
  if #entry.samples > 0 then
    local found = get_samples(id)
    for _, sample in ipairs(entry.samples) do table.insert(found, sample) end
    put_samples(id, found)
    group.x = entry.text
  end
  save(id, group)
end

local function merge(batch)
  local source = get_source(batch.source)
  if batch.sequence <= source.q then return end
  if source.f == 0 then source.f = batch.sequence end
  source.q, source.s = batch.sequence, now
  local errors = 0
  for _, entry in ipairs(batch.entries) do errors = errors + entry.count end
  if errors > 0 then
    scope.hours, scope.counted = by_hour(scope.hours, errors), true
    if rules.release ~= '' then note_app() end
  end
  for _, entry in ipairs(batch.entries) do
    source.m = source.m + entry.count
    if entry.job and (entry.count > 0 or entry.over) then note_run(entry) end
    if entry.count > 0 then add(entry, batch.source) end
    local id = entry.ways[1].id
    local group = entry.over and find_group(id)
    if group then
      end_(group.t, group.n + group.o)
      save(id, group)
    end
  end
  put(sources, batch.source, source)
end

for _, batch in ipairs(cjson.decode(ARGV[4])) do merge(batch) end
if ARGV[5] == '' then
  write_scope()
  return finish({'none'})
end

-- claiming.py ---------------------------------------------------------------------------

local asker, new_id, slot = cjson.decode(ARGV[5]), ARGV[6], ARGV[7]
local urgent, leaving = asker.why ~= 'due', asker.leaving
local troubles = {trouble_at(dest, 'trouble'), trouble_at(routes, asker.route)}

local function recover()
  for _, id in ipairs({unpack(scope.out)}) do
    local head = get_head(id)
    if not head then
      take_apart(id, true)
    elseif not is_number(head.lease) then
      if not may_repeat(head) then take_apart(id, true) end
    elseif head.lease <= now then
      answered(head.slot, head.lease)
      give_back(words(head.extra))
      head.extra = ''
      local sent = redis.call('HEXISTS', bodies, id) == 1
      if type(head.fallback) == 'string' then sent = head.handed end
      put_away(id, head, sent)
    end
  end
  redis.call('ZREMRANGEBYSCORE', unclear, '-inf', before(now - rules.unclear_for - LEASE))
end

local function be_present()
  if leaving then
    redis.call('ZREM', fleet, asker.source)
    redis.call('ZREM', seen, asker.source)
    return
  end
  redis.call('ZADD', fleet, 'NX', now, asker.source)
  redis.call('ZADD', seen, now, asker.source)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', before(now - rules.fleet_for))) do
    redis.call('ZREM', fleet, name)
    redis.call('ZREM', seen, name)
  end
  if redis.call('HEXISTS', sources, asker.source) == 1 then
    local me = get_source(asker.source)
    me.s = now
    put(sources, asker.source, me)
  end
end

-- Whether a message has only something to say of groups with pending errors; not if the
-- due index speaks of a time that cannot be.
local function knows_all_concerned()
  local at = scope.look_at or 0
  return now < at and at <= now + rules.look_through
end

-- What is in use, seldom.
local function remember(id, group)
  if group.k == '' then return end
  local entry = document(numbers, group.k, function(e) return is_number(e.s) end)
  if entry and now - entry.s > rules.number_refresh then
    entry.s = now
    put(numbers, group.k, entry)
  end
end

local function forget_unused()
  local app = document(apps, rules.own, function(e) return is_number(e[3]) end)
  if not app or now - app[3] > rules.number_refresh then
    put(apps, rules.own, {rules.names[1], rules.names[2], now})
    for _, number in ipairs(redis.call('HKEYS', numbers)) do
      local entry = document(numbers, number, function(e) return is_number(e.s) end)
      if not entry or now - entry.s > rules.number_for then redis.call('HDEL', numbers, number) end
    end
  end
  for _, name in ipairs(redis.call('HKEYS', sources)) do
    if now - get_source(name).s > rules.source_for then redis.call('HDEL', sources, name) end
  end
  for _, route in ipairs(redis.call('HKEYS', routes)) do
    if now - trouble_at(routes, route).r > rules.source_for then redis.call('HDEL', routes, route) end
  end
  redis.call('ZREMRANGEBYSCORE', looks, '-inf', before(now - rules.fleet_for))
end

-- Groups that are forgotten go; the due index becomes exact.
local function look_through()
  scope.critical, scope.news, scope.pause, scope.over, scope.ended = nil, nil, nil, nil, nil
  scope.held = nil
  scope.look_at = now + rules.look_through
  local by_group = pending_by_group()
  local ids = {}
  redis.call('DEL', sites, allowances)
  for id in pairs(by_group) do ids[id] = true end
  for _, id in ipairs(redis.call('HKEYS', groups)) do ids[id] = true end
  for id in pairs(ids) do
    local group = get_group(id)
    group.n = sum(by_group[id])
    if is_forgotten(group.t, group.n + group.o) and not group.s then
      drop_group(id, {})
    else
      save(id, group)
      remember(id, group)
      note_site(id, group, 1)
    end
  end
  forget_unused()
end

-- What a group was noted for may be told, taken back or forgotten since.
local function make_exact()
  if not knows_all_concerned() then return look_through() end
  scope.critical, scope.news, scope.pause, scope.ended = nil, nil, nil, nil
  for id in pairs(pending_by_group()) do note(get_group(id)) end
end

-- What `quiet_hours` of one process say holds for all, see marking.py.
local function keep_quiet_hours(ago, left)
  local since, until_ = math.floor((now - ago) * 1000 + 0.5) / 1000, math.floor((now + left) * 1000 + 0.5) / 1000
  if since < (scope.hours_until or 0) then return end
  scope.hours_until = until_
  if scope.quiet and scope.quiet['until'] > now then
    scope.quiet['until'] = math.max(scope.quiet['until'], until_)
  else
    scope.quiet = {
      by = 'quiet_hours', where = 'quiet_hours', why = '', since = since, ['until'] = until_,
    }
  end
  put(scope_key, 'quiet', scope.quiet)
  look_through()
end

local function bound()
  local at = scope.critical
  if scope.news then at = earlier(at, math.max(scope.news, scope.news_gate or 0)) end
  if scope.pause then at = earlier(at, (scope.last_message or 0) + scope.pause) end
  if scope.over then at = earlier(at, scope.over) end
  if scope.ended then at = earlier(at, scope.ended) end
  if scope.held then at = earlier(at, scope.held) end
  return at
end

local function when_due()
  local at = bound()
  if not (urgent and has_pending()) and (not at or at > now) then return at end
  make_exact()
  if urgent and has_pending() then return now end
  return bound()
end

local function resume_at()
  local at = 0
  for _, trouble in ipairs(troubles) do
    if trouble.x or asker.why ~= 'insist' then at = math.max(at, trouble.r) end
  end
  return at
end

-- When what is due may be attempted. The budget is only looked at when it matters.
local function allowed_at(due)
  local at = math.max(due, resume_at())
  if at > now then return at end
  return free_at(urgent and 'flush' or scope.critical and 'critical' or 'message')
end

local function ends(group)
  local track = group.t
  if rules.recovery == 'off' and not track.loud then return false end
  if track.over_told or group.o > 0 or now < over_at(track) then return false end
  if known(track.ended_at) then return track.told > 0 or group.n > 0 end
  if not known(track.told_at) then return false end
  return group.n == group.l or track.told > 0 and not track.again
end

-- When the quiet ended that a message says it comes after; of that of every night it says so
-- where something had to wait for its end.
local quiet_end, waited = nil, false

local function take_out(id, by_source, nobody_has_any)
  local group = get_group(id)
  if nobody_has_any then
    group.o = 0
  elseif group.o > 0 then
    note(group)
    return false
  end
  local held = held_until(group)
  if held and held > now then
    note(group)
    return false
  end
  local finished = ends(group)
  if not by_source and not finished and not group.s then return false end
  if quiet_end and (by_source and group.t.pending_since < quiet_end
    or finished and over_at(group.t) < quiet_end) then
    waited = true
  end
  local counts = {}
  for source, each in pairs(by_source or {}) do
    counts[source] = each[1]
    redis.call('HDEL', pending, id .. '|' .. source)
  end
  local newest_first = {}
  for _, each in ipairs(group.e) do table.insert(newest_first, 1, each) end
  put(parts, new_id .. '/' .. id, {
    t = group.t, p = counts, d = group.d, l = group.l, e = finished, s = group.s, w = group.w,
    r = newest_first, b = group.b,
  })
  local texts = redis.call('HGET', samples, id)
  if texts then
    redis.call('HSET', samples, new_id .. '/' .. id, texts)
    redis.call('HDEL', samples, id)
  end
  group.o, group.n, group.d, group.l = group.o + sum(by_source), 0, 0, 0
  group.e, group.b = {}, nil
  put_group(id, group)
  return true
end

-- Since when the destination, or the way there, has failed, and why.
local function failing()
  local since, reason
  for _, trouble in ipairs(troubles) do
    if is_number(trouble.s) and (not since or trouble.s < since) then
      since, reason = trouble.s, trouble.w
    end
  end
  return since, reason
end

-- Everything that is pending as a new digest, but for groups that are out already.
local function collect()
  local by_group, ids, any, declared = pending_by_group(), {}, false, 0
  for id in pairs(by_group) do ids[id] = true end
  if not knows_all_concerned() then
    for _, id in ipairs(redis.call('HKEYS', groups)) do ids[id] = true end
  end
  scope.critical, scope.news, scope.pause, scope.ended = nil, nil, nil, nil
  quiet_end = scope.quiet and scope.quiet['until'] <= now and scope.quiet['until']
  waited = quiet_end and scope.quiet.where ~= 'quiet_hours'
  for id in pairs(ids) do
    any = take_out(id, by_group[id], #scope.out == 0) or any
  end
  if not any then return nil end
  for _, id in ipairs(scope.out) do declared = declared + get_head(id).lost end
  local head = {now = now, wall = wall, lost = math.max(0, (scope.lost or 0) - declared)}
  head.outage, head.reason = failing()
  if head.outage and now - head.outage < rules.late_after then head.outage = nil end
  if waited then
    head.quiet_since, head.quiet_until = scope.quiet.since, scope.quiet['until']
  end
  put_head(new_id, head)
  table.insert(scope.out, new_id)
  return new_id
end

local function claimed(id, head, failures, at_fallback)
  head.lease, head.route = now + LEASE, asker.route
  put_head(id, head)
  local answer = {
    'claim', int(failures), id, cjson.encode(head), redis.call('HGET', bodies, id) or '',
    at_fallback and 1 or 0,
  }
  for_parts(id, function(group_id, part)
    local group = find_group(group_id)
    for _, each in ipairs({
      group_id, redis.call('HGET', identities, group_id) or '', group and group.k or '',
      cjson.encode(part), redis.call('HGET', samples, id .. '/' .. group_id) or '[]',
    }) do
      table.insert(answer, each)
    end
  end)
  return answer
end

local function take_digest(id)
  local head, detour = get_head(id), scope.detour
  take(slot)
  head.slot = slot
  if not is_number(head.unclear) and detour then
    head.detour_since, head.detour_until = detour.since, detour['until']
    head.detour_count, head.detour_name = detour.count, detour.name
  end
  return claimed(id, head, math.max(troubles[1].n, troubles[2].n), false)
end

-- When the fallback may have what is due; nil if the destination is not failing, or is to be
-- tried once more before.
local function elsewhere_at(due)
  if type(asker.fallback) ~= 'table' or resume_at() <= now then return nil end
  local at
  for _, trouble in ipairs(troubles) do
    if is_number(trouble.s) then
      at = earlier(at, trouble.m and trouble.s or trouble.s + asker.fallback[2])
    end
  end
  return at and math.max(due, at, trouble_at(scope_key, 'fallback').r)
end

local function take_elsewhere(waiting)
  local id = waiting or collect()
  if not id then return {'none'} end
  local head, since, reason = get_head(id), failing()
  head.fallback, head.handed, head.slot = asker.fallback[1], false, ''
  head.detour_since, head.detour_until, head.detour_count, head.detour_name = nil, nil, nil, nil
  if since then head.outage, head.reason = since, reason end
  return claimed(id, head, trouble_at(scope_key, 'fallback').n, true)
end

local function wait_for(at)
  return {'wait', urgent and rules.poll or math.min(LOOK, math.max(rules.poll, at - now))}
end

-- Beside a digest that is out only a CRITICAL that is news may go.
local function beside(until_)
  local wait = wait_for(until_)
  if not scope.critical or redis.call('ZCARD', unclear) > 0 then return wait end
  make_exact()
  if not scope.critical then return wait end
  local at = allowed_at(scope.critical)
  if at > now then return {'wait', math.min(wait[2], at - now)} end
  local id = collect()
  return id and take_digest(id) or wait
end

local function next_digest()
  local first_lease, waiting
  local first = redis.call('ZRANGE', unclear, 0, 0)[1]
  for _, id in ipairs(scope.out) do
    local head = get_head(id)
    if is_number(head.lease) then
      first_lease = earlier(first_lease, head.lease)
    elseif not waiting or id == first then
      waiting = id
    end
  end
  if first_lease then return beside(first_lease) end
  if first and first ~= waiting then
    local due = waiting and now or type(asker.fallback) == 'table' and when_due()
    local elsewhere = due and elsewhere_at(due)
    if elsewhere and elsewhere <= now then return take_elsewhere(waiting) end
    return wait_for(troubles[1].r)
  end
  local due = waiting and now or when_due()
  if not due then return {'none'} end
  local at = allowed_at(due)
  if at > now then
    local elsewhere = elsewhere_at(due)
    if elsewhere and elsewhere <= now then return take_elsewhere(waiting) end
    if elsewhere then at = math.min(at, elsewhere) end
    local busy = waiting or has_pending()
    return {'wait', busy and math.min(at - now, LOOK) or at - now}
  end
  local id = waiting or collect()
  return id and take_digest(id) or {'none'}
end

local function is_given_up(waiting)
  if is_number(waiting.lease) and waiting.lease > now then return false end
  return now - waiting.since > rules.follow_up_for or waiting.attempts >= rules.follow_up_attempts
end

local function keep_slots(taken)
  for _, each in ipairs(taken) do
    if tonumber(redis.call('ZSCORE', slots, each) or 0) <= now then return false end
  end
  for _, each in ipairs(taken) do redis.call('ZADD', slots, now + LEASE, each) end
  return #taken > 0
end

local function try_follow_up(kind)
  local waiting = get_follow_up(kind)
  local body = waiting and redis.call('HGET', bodies, waiting.id)
  if not body or is_given_up(waiting) then
    forget_follow_up(kind)
    return nil
  end
  local at = math.max(waiting.after, waiting.lease or 0, resume_at())
  if at > now or urgent then return {'wait', math.max(rules.poll, at - now)} end
  if not keep_slots(words(waiting.taken)) then
    local taken = take_all(waiting.slots, slot)
    if not taken then return {'wait', math.max(1, free_at('extra') - now)} end
    waiting.taken = table.concat(taken, ' ')
  end
  waiting.attempts, waiting.lease = waiting.attempts + 1, now + LEASE
  put(following, kind, waiting)
  return {'follow', kind, int(waiting.slots), waiting.id, int(waiting.attempts), body}
end

local function next_follow_up()
  local soonest
  if leaving or redis.call('ZCARD', unclear) > 0 then return nil end
  for _, kind in ipairs({unpack(scope.following)}) do
    local answer = try_follow_up(kind)
    if answer and answer[1] == 'follow' then return answer end
    if answer then soonest = earlier(soonest, answer[2]) end
  end
  return soonest and {'wait', soonest}
end

local function next_one()
  local answer = next_digest()
  if answer[1] == 'claim' then return answer end
  local after = next_follow_up()
  if not after then return answer end
  if answer[1] == 'none' or after[1] == 'follow' then return after end
  return {'wait', math.min(answer[2], after[2])}
end

local function somebody_else_looks()
  local from, to = now - rules.dead_after, now + LOOK
  local process = string.match(asker.source, '^(.*)/') or ''
  local names = redis.call(
    'ZRANGEBYSCORE', looks, string.format('%.6f', from), string.format('%.6f', to + 0.000001))
  for _, name in ipairs(names) do
    if string.sub(name, 1, #process + 1) ~= process .. '/' then return true end
  end
  return false
end

-- Nobody else is there: what is pending waits for whoever comes, and delays nothing.
local function leave()
  for id, by_source in pairs(pending_by_group()) do
    local mine = by_source[asker.source]
    if mine and mine[2] < mine[1] then
      local group = get_group(id)
      group.l = group.l + mine[1] - mine[2]
      put_pending(id .. '|' .. asker.source, mine[1], mine[1])
      save(id, group)
    end
  end
end

local function leaves()
  if not leaving then return false end
  local waits = false
  for _, id in ipairs(scope.out) do waits = waits or not is_number(get_head(id).lease) end
  if has_pending() or scope.held and scope.held <= now then make_exact() end
  waits = waits or scope.held and scope.held <= now
  if not has_pending() and not waits then return true end
  if has_news() then return false end
  if somebody_else_looks() then return true end
  if waits or not scope.pause or (scope.last_message or 0) + scope.pause <= now then return false end
  leave()
  return true
end

if type(asker.quiet) == 'table' then keep_quiet_hours(asker.quiet[1], asker.quiet[2]) end
recover()
be_present()
local answer = leaves() and {'none'} or next_one()
write_scope()
if leaving or answer[1] == 'none' or trouble_at(routes, asker.route).r > now then
  redis.call('ZREM', looks, asker.source)
else
  redis.call('ZADD', looks, now + (answer[1] == 'wait' and answer[2] or LEASE), asker.source)
end
if answer[1] == 'wait' then
  answer[2] = string.format('%.6f', answer[2])
end
return finish(answer)
