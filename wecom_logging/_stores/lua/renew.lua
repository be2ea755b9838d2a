-- Take a slot for another attempt and extend the lease. ARGV: id, slot.
begin()
read_scope()
local head = get_head(ARGV[3])
if head and head.lease_until then
  if not head.fallback then
    answered(head.slot, now)
    if free_at('flush') > now then return finish(0) end
    take(ARGV[4])
    head.slot = ARGV[4]
  end
  head.lease_until = now + LEASE
  put(digests, ARGV[3], head)
  return finish(1)
end
local kind, waiting = leased_follow_up(ARGV[3])
if not kind or free_at('extra') > now then return finish(0) end
take(ARGV[4])
table.insert(waiting.taken, ARGV[4])
waiting.lease_until = now + LEASE
put(following, kind, waiting)
return finish(1)
