-- What has become of the errors of a source: reported, lost, merged, first; and its place among
-- all, by when they came, and how many they are. ARGV: source.
local source = get_source(ARGV[3])
local answer = {}
for _, number in ipairs({source.reported, source.lost, source.merged, source.first}) do
  table.insert(answer, int(number))
end
local rank, size = redis.call('ZRANK', fleet, ARGV[3]), redis.call('ZCARD', fleet)
table.insert(answer, rank or size)
table.insert(answer, rank and size or size + 1)
-- Of these: errors of which nothing may be told now.
local held = 0
read_scope()
if due.held then
  for id, by_source in pairs(pending_by_group()) do
    local until_ = by_source[ARGV[3]] and held_until(get_group(id))
    if until_ and until_ > now then held = held + by_source[ARGV[3]][1] end
  end
end
table.insert(answer, int(held))
table.insert(answer, int(source.by_fallback))
table.insert(answer, string.format('%.3f', math.max(0, scope.hours_until - now)))
return {unreadable, answer}
