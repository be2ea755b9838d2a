-- Write documents, unless somebody else has written meanwhile what is written here. KEYS: their
-- hashes. ARGV: for how long to keep each of these, then of each document: which hash, field, what
-- was there and what is to be ('' is nothing); or its changes, as JSON: of each the names on the
-- way to it, what was there and what is to be. So nobody is in the way who only counts.
-- Answers whether it has.
local function value(found) if found ~= cjson.null then return found end end

local function same(one, other)
  if type(one) ~= 'table' or type(other) ~= 'table' then return one == other end
  for name in pairs(other) do
    if one[name] == nil then return false end
  end
  for name, each in pairs(one) do
    if not same(each, other[name]) then return false end
  end
  return true
end

-- The document with its changes; nil if there is something else now.
local function changed(text, changes)
  local document = text and cjson.decode(text)
  for _, change in ipairs(cjson.decode(changes)) do
    local way, holder = change[1], document
    for i = 1, #way - 1 do holder = type(holder) == 'table' and holder[way[i]] end
    if type(holder) ~= 'table' or not same(holder[way[#way]], value(change[2])) then return nil end
    holder[way[#way]] = value(change[3])
  end
  return cjson.encode(document)
end

local texts, first = {}, #KEYS + 1
for i = first, #ARGV, 5 do
  local there, text = redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]), ARGV[i + 3]
  if ARGV[i + 4] ~= '' then
    text = changed(there, ARGV[i + 4])
  elseif (there or '') ~= ARGV[i + 2] then
    text = nil
  end
  if not text then return 0 end
  table.insert(texts, text)
end
for n, text in ipairs(texts) do
  local i = first + (n - 1) * 5
  local key, field = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  if text == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, text) end
end
for i, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[i]) end
return 1
