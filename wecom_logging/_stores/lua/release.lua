-- The digest was not delivered. ARGV: id, reason, pause, strict, unclear.
begin()
if held_id() ~= ARGV[3] or redis.call('HEXISTS', heldkey, 'lease_until') == 0 then
  return finish(0)
end
answered(redis.call('HGET', heldkey, 'slot'), now)
redis.call('HINCRBY', dest, 'failures', 1)
redis.call('HSETNX', dest, 'failing_since', now)
redis.call('HSET', dest, 'reason', ARGV[4], 'resume_at', now + tonumber(ARGV[5]), 'strict', ARGV[6])
local desk = read(deskkey)
put_away(desk, ARGV[7] == '1')
write(deskkey, desk, DESK)
return finish(1)
