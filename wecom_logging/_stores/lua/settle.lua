-- The digest was delivered, or refused for good. ARGV: id, lost, told: for each group what
-- its track becomes, as {told = fields, surged = fields if there was a surge meanwhile}.
local id, is_lost, told = ARGV[3], ARGV[4] == '1', cjson.decode(ARGV[5])
begin()
if held_id() ~= id then return finish(0) end
local desk, parts, all, has_news = read(deskkey), held_parts(), 0, false
answered(redis.call('HGET', heldkey, 'slot'), now)
redis.call('ZREM', unclear, id)
redis.call('HSET', dest, 'failures', 0, 'resume_at', 0, 'strict', 0)
redis.call('HDEL', dest, 'failing_since')

local function tell_part(part, count)
  local group = get_group(part.id)
  if not group then return end
  if count > 0 then
    group.o = math.max(0, group.o - count)
    local surged = group.t.step == -1 and part.t.step ~= -1
    for name, value in pairs(surged and told[part.id].surged or told[part.id].told) do
      group.t[name] = value
    end
    group.t.told_at = now
    group.t.loud = group.t.loud or known(group.t.ended_at)
  end
  -- An error that came while the message was on its way has begun it anew.
  if part.e and group.n == 0 and not group.t.again then
    group.t.over_told, group.t.loud = true, false
  end
  put_group(part.id, group)
  note(desk, group.t, group.n)
end

for _, part in ipairs(parts) do
  local count = count_of(part)
  all, has_news = all + count, has_news or (count > 0 and part.t.news)
  tell_part(part, count)
  for name, n in pairs(part.p) do
    local source = get_source(name)
    if is_lost then source.l = source.l + n else source.r = source.r + n end
    put_source(name, source)
  end
end
desk.lost = is_lost and (desk.lost or 0) + all or nil
desk.last_message = now
if has_news then desk.news_gate = now + rules.group_interval end
write(deskkey, desk, DESK)
redis.call('DEL', heldkey)
return finish(1)
