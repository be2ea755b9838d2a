-- What has become of the errors of a source: merged, reported, lost. ARGV: source.
local source = get_source(ARGV[3])
return {string.format('%.0f', source.m), string.format('%.0f', source.r), string.format('%.0f', source.l)}
