-- Keep what is about to be sent. ARGV: id, body.
begin()
if held_id() == ARGV[3] then
  redis.call('HSET', heldkey, 'body', ARGV[4])
end
return finish(0)
