-- A slot for a message that no digest is about. ARGV: slot, then 'take' or 'answered'.
-- Answers the seconds after which to ask again; '' if it was taken.
begin()
if ARGV[4] == 'answered' then
  answered(ARGV[3], now)
  return finish('')
end
local at = free_at('extra')
if at > now then return finish(string.format('%.6f', at - now)) end
take(ARGV[3])
return finish('')
