-- Keep what is about to be sent. ARGV: id, body, slots of its follow-ups, name for them.
begin()
local head = get_head(ARGV[3])
if not head then return finish(1) end
if ARGV[5] ~= '0' then
  local taken = take_extra(tonumber(ARGV[5]), ARGV[6])
  if not taken then return finish(0) end
  extend(head.extra, taken)
  put(digests, ARGV[3], head)
end
if head.fallback then
  -- Which nobody repeats; what the destination may have taken stays as it was.
  head.handed = true
  put(digests, ARGV[3], head)
else
  call('HSET', bodies, ARGV[3], ARGV[4])
end
return finish(1)
