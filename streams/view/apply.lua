-- Write one batch of records and the positions behind it, all or nothing.
--
-- KEYS[1]      the view
-- KEYS[2]      positions of the generation
-- KEYS[3..]    one hash per topic of the batch
-- ARGV         number of positions, then for each: field, stored position expected, next position;
--              then for each of KEYS[3..]: number of records, then for each: SKU, version, JSON ('' removes)
-- Returns {1, generation served, records written, records ignored as old}, or {0} if the positions differ.
local at = 1
local function take()
  local value = ARGV[at]
  at = at + 1
  return value
end

local moves = {}
for _ = 1, tonumber(take()) do
  local field, expected, following = take(), take(), take()
  if redis.call('HGET', KEYS[2], field) ~= expected then
    return {0}
  end
  if following ~= expected then
    moves[#moves + 1] = {field, following}
  end
end

local written, ignored = 0, 0
for index = 3, #KEYS do
  local key = KEYS[index]
  for _ = 1, tonumber(take()) do
    local sku, version, body = take(), take(), take()
    if body == '' then
      written = written + redis.call('HDEL', key, sku)
    else
      local stored = redis.call('HGET', key, sku)
      if stored and tonumber(string.match(stored, '^%d+')) >= tonumber(version) then
        ignored = ignored + 1
      else
        redis.call('HSET', key, sku, version .. ' ' .. body)
        written = written + 1
      end
    end
  end
end
for _, move in ipairs(moves) do
  redis.call('HSET', KEYS[2], move[1], move[2])
end
return {1, redis.call('HGET', KEYS[1], 'generation') or '', written, ignored}
