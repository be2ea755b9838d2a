-- The clock of the server that holds these keys.
return redis.call('TIME')
