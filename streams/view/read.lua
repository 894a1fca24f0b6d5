-- Read all entries of one SKU from the generation that is served, at one moment.
--
-- KEYS[1] the view; ARGV[1] the SKU. Returns {generation, progress, topic, entry, topic, entry, ...}; the generation
-- is '' while none is served, and progress is '' unless one is being built.
local generation = redis.call('HGET', KEYS[1], 'generation') or ''
local answer = {generation, redis.call('HGET', KEYS[1], 'progress') or ''}
if generation == '' then
  return answer
end
local prefix = KEYS[1] .. ':' .. generation .. ':'
local topics = redis.call('HGET', prefix .. 'positions', 'topics') or ''
for topic in string.gmatch(topics, '[^,]+') do
  local entry = redis.call('HGET', prefix .. topic, ARGV[1])
  if entry then
    answer[#answer + 1] = topic
    answer[#answer + 1] = entry
  end
end
return answer
