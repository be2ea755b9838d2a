-- Who is there: the place of a source among all, by when they came, and how many. ARGV: source.
local rank, size = redis.call('ZRANK', fleet, ARGV[3]), redis.call('ZCARD', fleet)
return rank and {rank, size} or {size, size + 1}
