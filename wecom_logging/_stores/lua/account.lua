-- What has become of the errors of a source: reported, lost, merged, first.
-- ARGV: source.
local source = get_source(ARGV[3])
local answer = {}
for _, number in ipairs({source.r, source.l, source.m, source.f}) do
  table.insert(answer, string.format('%.0f', number))
end
return answer
