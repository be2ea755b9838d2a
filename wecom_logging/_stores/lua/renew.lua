-- Take a slot for another attempt and extend the lease. ARGV: id, slot.
begin()
read_scope()
local head = get_head(ARGV[3])
if head and is_number(head.lease) then
  if type(head.fallback) == 'string' then
    head.lease = now + LEASE
    put_head(ARGV[3], head)
    return finish(1)
  end
  answered(head.slot, now)
  if free_at('flush') > now then return finish(0) end
  take(ARGV[4])
  head.slot, head.lease = ARGV[4], now + LEASE
  put_head(ARGV[3], head)
  return finish(1)
end
local kind, waiting = leased_follow_up(ARGV[3])
if not kind or free_at('extra') > now then return finish(0) end
take(ARGV[4])
waiting.taken, waiting.lease = waiting.taken .. ' ' .. ARGV[4], now + LEASE
put(following, kind, waiting)
return finish(1)
