-- Take a slot for a file or a mention, or give one back. ARGV: slot, purpose or ''.
begin()
if ARGV[4] == '' then
  answered(ARGV[3], now)
elseif free_at(ARGV[4]) > now then
  return finish(0)
else
  take(ARGV[3])
end
return finish(1)
