-- ARGV: source.
read_scope()
return {unreadable, account_of(ARGV[3])}
