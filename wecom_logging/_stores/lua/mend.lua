-- Remove keys that are of a wrong type. ARGV: their types, in the order of the keys.
local removed = {}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and ARGV[i] and found ~= ARGV[i] then
    redis.call('DEL', key)
    table.insert(removed, key)
  end
end
return #removed
