-- Write documents, unless somebody else has written one of them since it was read. KEYS: their
-- hashes. ARGV: for how long to keep each of these, then of each document: which hash, field, what
-- was there and what is to be; '' is nothing. Answers whether it has.
local first = #KEYS + 1
for i = first, #ARGV, 4 do
  local there = redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1])
  if (there or '') ~= ARGV[i + 2] then return 0 end
end
for i = first, #ARGV, 4 do
  local key, field, text = KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 3]
  if text == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, text) end
end
for i, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[i]) end
return 1
