-- What a version with the layout before this one has left, once none of its workers looks any
-- more. KEYS: as for every step, then its groups, identities, pending, samples, looks, held.
-- Answers 1 if it has to be asked again.
local their_groups, their_identities, their_pending = KEYS[24], KEYS[25], KEYS[26]
local their_samples, their_looks, their_held = KEYS[27], KEYS[28], KEYS[29]
if call('EXISTS', their_groups, their_held) == 0 then return {'', 0} end
local latest = call('ZREVRANGE', their_looks, 0, 0, 'WITHSCORES')[2]
if latest and tonumber(latest) >= now - rules.dead_after then return {'', 1} end
begin()
read_scope()

local function add(id, source, count, doubtful)
  local group = get_group(id)
  add_pending(id, group, source, count)
  group.doubtful = group.doubtful + doubtful
  save(id, group)
end

local function add_samples(id, found) put_samples(id, extend(found, get_samples(id))) end

for _, id in ipairs(call('HKEYS', their_groups)) do
  local group = document(their_groups, id, function(old)
    for _, at in ipairs({'told_at', 'ended_at'}) do
      if old.t[at] == cjson.null then old.t[at] = nil end
    end
    return is_track(old.t)
  end)
  if group and not find_group(id) then
    call('HSETNX', identities, id, call('HGET', their_identities, id) or '')
    local ours = begin_group(group.t, 0)
    ours.doubtful = group.d or 0
    save(id, ours)
  end
  add_samples(id, document(their_samples, id) or {})
end
local flat = call('HGETALL', their_pending)
for i = 1, #flat, 2 do
  local id, source = string.match(flat[i], '^([^|]*)|(.*)$')
  if id and tonumber(flat[i + 1]) then add(id, source, tonumber(flat[i + 1]), 0) end
end
local unclear_body = call('HEXISTS', their_held, 'body') == 1
local readable, held = pcall(cjson.decode, call('HGET', their_held, 'parts') or '[]')
for _, part in ipairs(readable and held or {}) do
  call('HSETNX', identities, part.id, part.i)
  for source, count in pairs(part.p) do add(part.id, source, count, unclear_body and count or 0) end
  add_samples(part.id, part.s)
end
for i = 24, #KEYS do call('DEL', KEYS[i]) end
write_scope()
return finish(0)
