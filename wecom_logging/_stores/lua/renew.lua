-- Take a slot for another attempt and extend the lease. ARGV: id, slot.
begin()
if held_id() ~= ARGV[3] then return finish(0) end
answered(redis.call('HGET', heldkey, 'slot'), now)
if free_at('flush') > now then return finish(0) end
take(ARGV[4])
redis.call('HSET', heldkey, 'slot', ARGV[4], 'lease_until', now + LEASE)
return finish(1)
