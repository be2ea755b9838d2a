-- Add what a source has counted, and take what is due, if that is asked for.
-- ARGV: wall, batches, asker ('' or JSON), digest id, slot.
-- Answers {'none'}, {'wait', seconds}, {'follow', kind, body, slots, id, attempt}, or
-- {'claim', failures, id, head, body, 1 if it is for the fallback, then of each part: group,
-- identity, short id, part, samples}; and the account of the asker, but not with a claim.
local wall = tonumber(ARGV[3])
begin()
read_scope()

-- Whether it says, third, when it was written down last that it is in use.
local function is_entry(entry) return has_numbers(entry, {3}) end

-- {scope, group, that time}
local function get_number(number) return document(numbers, number, is_entry) end

local function new_number(id, first)
  local base = rules.five_digits
  if call('HLEN', numbers) >= base then base = 10 * base end
  for step = 0, 9 * base do
    local number = base + (first + step) % (9 * base)
    local entry = get_number(int(number))
    if not entry or entry[1] == rules.own and entry[2] == id or now - entry[3] > rules.unused_for then
      put(numbers, int(number), {rules.own, id, now})
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
    if group and not group.silence and is_over(group.track, group.count + group.out) then
      local mine = group.track.last_seen + (group.track.over_told and 0 or 1e12)
      if not oldest or mine < rank then oldest, rank, last = id, mine, group end
    end
    known[id] = nil -- of thousands
  end
  if oldest then drop_group(oldest, last) end
  return oldest
end

-- Groups that are over go; if none is, there are "others".
local function make_room(entry)
  local beyond = rules.others[entry.critical and 2 or 1]
  if now < scope.full_until then return beyond end
  if drop_oldest(call('HKEYS', groups)) then return nil end
  scope.full_until = now + rules.crowded
  return beyond
end

-- Whether its call site may have another group of the kind; one that is over makes room.
local function has_allowance(way)
  if not way.key then return true end
  local allowance = get_allowance(way.key)
  if #allowance.groups < way.limit then return true end
  if now < allowance.full_until then return false end
  if drop_oldest(allowance.groups) then return true end
  allowance.full_until = now + rules.crowded
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
  local kept = site and call('HEXISTS', sites, site) == 1 and math.floor(rules.max_groups / 10) or 0
  local crowds = 0
  for _, each in ipairs(rules.others) do
    crowds = crowds + call('HEXISTS', groups, each.ways[1].id)
  end
  if call('HEXISTS', groups, way.id) == 0
    and call('HLEN', groups) - crowds >= rules.max_groups - kept then
    local beyond = make_room(entry)
    if beyond then
      way, identity, site, job = beyond.ways[1], beyond.identity, nil, false
      local there = find_group(way.id)
      if there then return way.id, there end
    end
  end
  call('HSET', identities, way.id, identity)
  local group = begin_group(begin_track(wait, entry.critical, job), new_number(way.id, way.first))
  group.site = site and {site, way.key}
  note_site(way.id, group, 1)
  return way.id, group
end

-- Whether a crowd says something new: somebody whom it has not heard lately, or who has new
-- words; ten times an hour at most.
local function is_news(entry, id, group)
  if id ~= entry.site and id ~= rules.others[entry.critical and 2 or 1].ways[1].id then
    return entry.news
  end
  group.crowd = group.crowd or {left = 0, ['until'] = 0, heard = {}}
  local crowd, news = group.crowd, entry.news
  local said = entry.ways[1].id
  if not contains(crowd.heard, said) then
    latest(extend(crowd.heard, {said}), rules.max_heard)
    news = true
  end
  if not news then return false end
  if now >= crowd['until'] then crowd.left, crowd['until'] = rules.crowd_news, now + rules.crowd_news_for end
  crowd.left = crowd.left - 1
  return crowd.left >= 0
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
  if seen and now - seen[2] <= rules.seen_about then return end
  known[rules.release] = {seen and seen[1] or now, now}
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
  local release = rules.release
  if not contains(group.releases, release) then
    if #group.releases > 0 and group.track.again then
      hasten(group.track, wait)
      group.back_from = group.back_from or group.releases[#group.releases]
    end
    group.releases = oldest_first(group.releases, {release})
    if #group.releases > rules.group_releases then table.remove(group.releases, 2) end
  end
  group.pending_releases = latest(oldest_first(group.pending_releases, {release}), rules.pending_releases)
  local silence = group.silence
  if silence and silence.until_release == true and silence['until'] > now
    and scope.releases[release] and scope.releases[release][1] > silence.since then
    silence['until'], silence.ended, silence.release = now, 'release', release
  end
end

-- A job has failed, or worked. Of each hour the last run is kept.
local function note_run(entry)
  local history = document(jobs, entry.ways[1].id, function(found) return type(found.runs) == 'table' end)
  if not history then
    if call('HLEN', jobs) >= rules.max_jobs then return end
    history = {name = entry.name, runs = {}}
  end
  local runs = {}
  for _, at in ipairs(history.runs) do
    if is_number(at) and now - at <= rules.runs_for then table.insert(runs, at) end
  end
  if #runs > 0 and math.floor(runs[#runs] / 3600) == math.floor(now / 3600) then table.remove(runs) end
  table.insert(runs, now)
  history.runs, history.every = runs, entry.every
  history[entry.count > 0 and 'failed_at' or 'worked_at'] = now
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
  elseif not entry.changing and group.site and string.sub(group.site[2] or '', -2) == ' *' then
    note_site(id, group, -1)
    group.site = {entry.site, way.key}
    note_site(id, group, 1)
    call('HSET', identities, id, entry.identity)
  end
  if is_forgotten(group.track, group.count + group.out - group.left) then
    local first = group.track.pending_since
    group.track = begin_track(wait, entry.critical, entry.job and id == way.id)
    group.track.pending_since = first
    group.releases = {}
  end
  if group.number == 0 then group.number = new_number(id, way.first) end
  local since = group.track.since
  arrive(group.track, entry.count, group.count + group.out, wait, group.left)
  if is_news(entry, id, group) then hasten(group.track, wait) end
  group.recent, group.hours = counted(group.recent, entry.count), by_hour(group.hours, entry.count)
  if group.track.since ~= since then group.taken = nil end -- it was over, or forgotten
  if group.silence then endure(group.silence, group.recent, entry.count) end
  if rules.release ~= '' then note_group(group, wait) end
  add_pending(id, group, source, entry.count)
  group.doubtful = group.doubtful + entry.doubtful
  if #entry.samples > 0 then
    put_samples(id, extend(get_samples(id), entry.samples))
    group.text = entry.text
  end
  save(id, group)
end

local function merge(name, sequence, entries)
  local source = get_source(name)
  if sequence <= source.sequence then return end
  if source.first == 0 then source.first = sequence end
  source.sequence, source.seen = sequence, now
  local errors = 0
  for _, entry in ipairs(entries) do errors = errors + entry.count end
  if errors > 0 then
    scope.hours = by_hour(scope.hours, errors)
    if rules.release ~= '' then note_app() end
  end
  for _, entry in ipairs(entries) do
    source.merged = source.merged + entry.count
    if entry.job and (entry.count > 0 or entry.over) then note_run(entry) end
    if entry.count > 0 then add(entry, name) end
    local id = entry.ways[1].id
    local group = entry.over and find_group(id)
    if group then
      end_(group.track, group.count + group.out)
      save(id, group)
    end
  end
  put(sources, name, source)
end

for _, batch in ipairs(cjson.decode(ARGV[4])) do merge(unpack(batch)) end
if ARGV[5] == '' then
  write_scope()
  return finish({{'none'}, ''})
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
    elseif not head.lease_until then
      if not may_repeat(head) then take_apart(id, true) end
    elseif head.lease_until <= now then
      local sent = call('HEXISTS', bodies, id) == 1
      if head.fallback then sent = head.handed end
      put_away(id, head, sent, head.lease_until)
    end
  end
  call('ZREMRANGEBYSCORE', unclear, '-inf', before(now - rules.unclear_for - LEASE))
end

local function forget_source(name)
  call('ZREM', fleet, name)
  call('ZREM', seen, name)
end

local function be_present()
  if leaving then return forget_source(asker.source) end
  local at = tonumber(call('ZSCORE', seen, asker.source) or nil)
  if at and now - at <= rules.presence then return end
  call('ZADD', fleet, 'NX', now, asker.source)
  call('ZADD', seen, now, asker.source)
  for _, name in ipairs(call('ZRANGEBYSCORE', seen, '-inf', before(now - rules.fleet_for))) do
    forget_source(name)
  end
  if call('HEXISTS', sources, asker.source) == 1 then
    local me = get_source(asker.source)
    me.seen = now
    put(sources, asker.source, me)
  end
end

-- Whether a message has only something to say of groups with pending errors; not if the
-- due index speaks of a time that cannot be.
local function knows_all_concerned()
  return now < due.look_at and due.look_at <= now + rules.look_through
end

-- What is in use, seldom.
local function remember(id, group)
  if group.number == 0 then return end
  local entry = get_number(int(group.number))
  if entry and now - entry[3] > rules.refresh then
    entry[3] = now
    put(numbers, int(group.number), entry)
  end
end

local function forget_unused()
  local app = document(apps, rules.own, is_entry)
  if not app or now - app[3] > rules.refresh then
    put(apps, rules.own, {rules.names[1], rules.names[2], now})
    for _, number in ipairs(call('HKEYS', numbers)) do
      local entry = get_number(number)
      if not entry or now - entry[3] > rules.unused_for then call('HDEL', numbers, number) end
    end
  end
  for _, name in ipairs(call('HKEYS', sources)) do
    if now - get_source(name).seen > rules.source_for then call('HDEL', sources, name) end
  end
  for _, route in ipairs(call('HKEYS', routes)) do
    if now - trouble_at(routes, route).resume_at > rules.source_for then call('HDEL', routes, route) end
  end
  call('ZREMRANGEBYSCORE', looks, '-inf', before(now - rules.fleet_for))
end

-- Groups that are forgotten go; the due index becomes exact.
local function look_through()
  due = {look_at = now + rules.look_through}
  scope.due_index = due
  local by_group = pending_by_group()
  local ids = {}
  call('DEL', sites, allowances)
  for id in pairs(by_group) do ids[id] = true end
  for _, id in ipairs(call('HKEYS', groups)) do ids[id] = true end
  for id in pairs(ids) do
    local group = get_group(id)
    group.count = sum(by_group[id])
    if is_forgotten(group.track, group.count + group.out) and not group.silence then
      drop_group(id, {})
    else
      save(id, group)
      remember(id, group)
      note_site(id, group, 1)
    end
    known[id] = nil -- of thousands
  end
  forget_unused()
end

-- What a group was noted for may be told, taken back or forgotten since.
local function make_exact()
  if not knows_all_concerned() then return look_through() end
  due.critical, due.news, due.pause, due.ended = nil, nil, nil, nil
  for id in pairs(pending_by_group()) do note(get_group(id)) end
end

-- What `quiet_hours` of one process say holds for all, see marking.py.
local function keep_quiet_hours(ago, left)
  local since, until_ = math.floor((now - ago) * 1000 + 0.5) / 1000, math.floor((now + left) * 1000 + 0.5) / 1000
  if since < scope.hours_until then return end
  scope.hours_until = until_
  if scope.quiet and scope.quiet['until'] > now then
    scope.quiet['until'] = math.max(scope.quiet['until'], until_)
  else
    scope.quiet = {
      by = 'quiet_hours', where = 'quiet_hours', why = '', since = since, ['until'] = until_,
    }
  end
  look_through()
end

local function bound()
  return earliest(
    due.critical, due.news and math.max(due.news, scope.news_gate),
    due.pause and scope.last_message + due.pause, due.over, due.ended, due.held)
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
    if trouble.strict or asker.why ~= 'insist' then at = math.max(at, trouble.resume_at) end
  end
  return at
end

-- When what is due may be attempted. The budget is only looked at when it matters.
local function allowed_at(when)
  local at = math.max(when, resume_at())
  if at > now then return at end
  return free_at(urgent and 'flush' or due.critical and 'critical' or 'message')
end

local function ends(group)
  local track = group.track
  if rules.recovery == 'off' and not track.loud then return false end
  if track.over_told or group.out > 0 or now < over_at(track) then return false end
  if track.ended_at then return track.told > 0 or group.count > 0 end
  if not track.told_at then return false end
  return group.count == group.left or track.told > 0 and not track.again
end

-- When the quiet ended that a message says it comes after, if something had to wait for that.
local quiet_end, waited = nil, false
-- What a digest that is collected now has taken, by group.
local collected = {}

local function take_out(id, by_source, nobody_has_any)
  local group = get_group(id)
  if nobody_has_any then
    group.out = 0
  elseif group.out > 0 then
    note(group)
    return false
  end
  local held = held_until(group)
  if held and held > now then
    note(group)
    return false
  end
  local finished = ends(group)
  if not by_source and not finished and not group.silence then return false end
  if quiet_end and (by_source and group.track.pending_since < quiet_end
    or finished and over_at(group.track) < quiet_end) then
    waited = true
  end
  local counts = {}
  for source, each in pairs(by_source or {}) do
    counts[source] = each[1]
    call('HDEL', pending, id .. '|' .. source)
  end
  local newest_first = {}
  for _, each in ipairs(group.pending_releases) do table.insert(newest_first, 1, each) end
  collected[id] = put(parts, new_id .. '/' .. id, {
    track = group.track, pending = counts, doubtful = group.doubtful, left = group.left,
    ends = finished, silence = group.silence, taken = group.taken, releases = newest_first,
    back_from = group.back_from,
  })
  local texts = call('HGET', samples, id)
  if texts then
    call('HSET', samples, new_id .. '/' .. id, texts)
    call('HDEL', samples, id)
  end
  group.out, group.count, group.doubtful, group.left = group.out + sum(by_source), 0, 0, 0
  group.pending_releases, group.back_from = {}, nil
  put_group(id, group)
  return true
end

-- Since when the destination, or the way there, has failed, for display, and why; nil if that
-- is not so long ago.
local function outage(after)
  local first
  for _, trouble in ipairs(troubles) do
    if trouble.since and (not first or trouble.since < first.since) then first = trouble end
  end
  if first and now - first.since >= after then return {wall - (now - first.since), first.reason} end
end

-- Everything that is pending as a new digest, but for groups that are out already.
local function collect()
  local by_group, ids, any, declared = pending_by_group(), {}, false, 0
  for id in pairs(by_group) do ids[id] = true end
  if not knows_all_concerned() then
    for _, id in ipairs(call('HKEYS', groups)) do ids[id] = true end
  end
  due.critical, due.news, due.pause, due.ended = nil, nil, nil, nil
  quiet_end = scope.quiet and scope.quiet['until'] <= now and scope.quiet['until']
  waited = false
  for id in pairs(ids) do any = take_out(id, by_group[id], #scope.out == 0) or any end
  if not any then return nil end
  for _, id in ipairs(scope.out) do declared = declared + get_head(id).lost end
  put(digests, new_id, {
    now = now, wall = wall, lost = math.max(0, scope.lost - declared), extra = {},
    outage = outage(rules.late_after), quiet = waited and scope.quiet or nil,
  })
  table.insert(scope.out, new_id)
  return new_id
end

local function claimed(id, head, failures, at_fallback)
  head.lease_until, head.route = now + LEASE, asker.route
  local answer = {
    'claim', int(failures), id, put(digests, id, head), call('HGET', bodies, id) or '',
    at_fallback and 1 or 0,
  }
  if not next(collected) then
    for_parts(id, function(group_id, part) collected[group_id] = cjson.encode(part) end)
  end
  for group_id, text in pairs(collected) do
    local group = find_group(group_id)
    extend(answer, {
      group_id, call('HGET', identities, group_id) or '', int(group and group.number or 0),
      text, call('HGET', samples, id .. '/' .. group_id) or '[]',
    })
  end
  return answer
end

local function take_digest(id)
  local head = get_head(id)
  take(slot)
  head.slot = slot
  if not head.unclear_since then head.detour = scope.detour end
  return claimed(id, head, math.max(troubles[1].failures, troubles[2].failures), false)
end

-- When the fallback may have what is due; never, if the destination is not failing, or is to be
-- tried once more before.
local function elsewhere_at(when)
  if type(asker.fallback) ~= 'table' or resume_at() <= now then return math.huge end
  local at
  for _, trouble in ipairs(troubles) do
    if trouble.since then
      at = earliest(at, trouble.setup and trouble.since or trouble.since + asker.fallback[2])
    end
  end
  return math.max(when, at or math.huge, scope.fallback.resume_at)
end

local function take_elsewhere(waiting)
  local id = waiting or collect()
  if not id then return {'none'} end
  local head = get_head(id)
  head.fallback, head.handed, head.slot, head.detour = asker.fallback[1], false, '', nil
  head.outage = outage(0) or head.outage
  return claimed(id, head, scope.fallback.failures, true)
end

local function wait_for(at)
  return {'wait', urgent and rules.poll or math.min(LOOK, math.max(rules.poll, at - now))}
end

-- Beside a digest that is out only a CRITICAL that is news may go.
local function beside(until_)
  local wait = wait_for(until_)
  if not due.critical or call('ZCARD', unclear) > 0 then return wait end
  make_exact()
  if not due.critical then return wait end
  local at = allowed_at(due.critical)
  if at > now then return {'wait', math.min(wait[2], at - now)} end
  local id = collect()
  return id and take_digest(id) or wait
end

local function next_digest()
  local first_lease, waiting
  local first = call('ZRANGE', unclear, 0, 0)[1]
  for _, id in ipairs(scope.out) do
    local head = get_head(id)
    if head.lease_until then
      first_lease = earliest(first_lease, head.lease_until)
    elseif not waiting or id == first then
      waiting = id
    end
  end
  if first_lease then return beside(first_lease) end
  if first and first ~= waiting then
    local at = waiting and now or type(asker.fallback) == 'table' and when_due()
    if at and elsewhere_at(at) <= now then return take_elsewhere(waiting) end
    return wait_for(troubles[1].resume_at)
  end
  local when = waiting and now or when_due()
  if not when then return {'none'} end
  local at = allowed_at(when)
  if at > now then
    local elsewhere = elsewhere_at(when)
    if elsewhere <= now then return take_elsewhere(waiting) end
    at = math.min(at, elsewhere)
    local busy = waiting or has_pending()
    return {'wait', busy and math.min(at - now, LOOK) or at - now}
  end
  local id = waiting or collect()
  return id and take_digest(id) or {'none'}
end

local function is_given_up(waiting)
  if waiting.lease_until and waiting.lease_until > now then return false end
  return now - waiting.since > rules.follow_up_for or waiting.attempts >= rules.follow_up_attempts
end

local function keep_slots(taken)
  for _, each in ipairs(taken) do
    if tonumber(call('ZSCORE', slots, each) or 0) <= now then return false end
  end
  for _, each in ipairs(taken) do call('ZADD', slots, now + LEASE, each) end
  return #taken > 0
end

local function try_follow_up(kind)
  local waiting = get_follow_up(kind)
  local body = waiting and call('HGET', bodies, waiting.id)
  if not body or is_given_up(waiting) then
    forget_follow_up(kind)
    return nil
  end
  local at = math.max(waiting.not_before, waiting.lease_until or 0, resume_at())
  if at > now or urgent then return {'wait', math.max(rules.poll, at - now)} end
  if not keep_slots(waiting.taken) then
    local taken = take_extra(waiting.slots, slot)
    if not taken then return {'wait', math.max(1, free_at('extra') - now)} end
    waiting.taken = taken
  end
  waiting.attempts, waiting.lease_until = waiting.attempts + 1, now + LEASE
  put(following, kind, waiting)
  return {'follow', kind, body, waiting.slots, waiting.id, waiting.attempts}
end

local function next_follow_up()
  local soonest
  if leaving or call('ZCARD', unclear) > 0 then return nil end
  for _, kind in ipairs({unpack(scope.following)}) do
    local answer = try_follow_up(kind)
    if answer and answer[1] == 'follow' then return answer end
    if answer then soonest = earliest(soonest, answer[2]) end
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
  local names = call(
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
      group.left = group.left + mine[1] - mine[2]
      put_pending(id .. '|' .. asker.source, mine[1], mine[1])
      save(id, group)
    end
  end
end

-- Whether a kind that is pending has begun while the asker was there.
local function has_seen_begin()
  for id in pairs(pending_by_group()) do
    if get_group(id).track.since > now - asker.lived then return true end
  end
  return false
end

local function leaves()
  if not leaving then return false end
  local waits = false
  for _, id in ipairs(scope.out) do waits = waits or not get_head(id).lease_until end
  if has_pending() or due.held and due.held <= now then make_exact() end
  waits = waits or due.held and due.held <= now
  if not has_pending() and not waits then return true end
  if has_news() then return false end
  if somebody_else_looks() then return true end
  if waits or not due.pause or scope.last_message + due.pause <= now then return false end
  if has_seen_begin() then return false end
  leave()
  return true
end

if type(asker.quiet) == 'table' then keep_quiet_hours(asker.quiet[1], asker.quiet[2]) end
recover()
be_present()
local answer = leaves() and {'none'} or next_one()
write_scope()
if leaving or answer[1] == 'none' or trouble_at(routes, asker.route).resume_at > now then
  call('ZREM', looks, asker.source)
else
  call('ZADD', looks, now + (answer[1] == 'wait' and answer[2] or LEASE), asker.source)
end
if answer[1] == 'wait' then answer[2] = string.format('%.6f', answer[2]) end
return finish({answer, answer[1] ~= 'claim' and account_of(asker.source) or ''})
