-- Redis: one GPU for a user. KEYS: gpus (sorted by their leases), leases, serial. ARGV: user.
local least = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if tonumber(least[2]) >= 64 then return {} end
local lease = redis.call('INCR', KEYS[3])
redis.call('ZINCRBY', KEYS[1], 1, least[1])
redis.call('HSET', KEYS[2], lease, least[1] .. ' ' .. ARGV[1])
return {tostring(lease), least[1]}
