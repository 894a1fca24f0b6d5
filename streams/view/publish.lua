-- Serve a generation from now on, unless it has been removed meanwhile.
--
-- KEYS[1] the view; KEYS[2] positions of the generation; ARGV[1] the generation. Returns 1, or 0 if it is gone.
if redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1])
redis.call('HDEL', KEYS[1], 'building', 'progress')
return 1
