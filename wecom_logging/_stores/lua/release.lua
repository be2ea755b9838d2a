-- It was not delivered. ARGV: id, failure.
local id, failure = ARGV[3], cjson.decode(ARGV[4])
begin()
read_scope()
local head = get_head(id)
if head and head.lease_until then
  if head.fallback then
    failed_again(scope.fallback, failure)
  else
    failed(head.route or '', failure)
  end
  put_away(id, head, failure.unclear, now)
else
  local kind, waiting = leased_follow_up(id)
  if not kind then return finish(0) end
  for _, slot in ipairs(waiting.taken) do answered(slot, now) end
  waiting.taken, waiting.lease_until, waiting.not_before = {}, nil, now + failure.pause
  put(following, kind, waiting)
  if waiting.attempts >= rules.follow_up_attempts then forget_follow_up(kind) end
end
write_scope()
return finish(1)
