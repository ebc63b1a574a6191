-- Redis: a lease ends. KEYS: gpus, leases. ARGV: the lease. Gives 1, or 0 if there is none such.
local lease = redis.call('HGET', KEYS[2], ARGV[1])
if not lease then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZINCRBY', KEYS[1], -1, string.match(lease, '^%S+'))
return 1
