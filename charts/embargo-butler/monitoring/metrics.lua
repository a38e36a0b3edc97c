-- What Redis knows of the images' way into the Butler, as pairs of a name and a number, for the exporter.
--
-- Redis answers nobody else while a script runs, and a week's notes are over a million keys. So each call looks for
-- names in the next 20,000 of them only (some 50 ms) and remembers in MONITOR:* what it found. The lists WORKER:* are
-- never asked for their length, which would reset the clock by which idle finds dead ingest pods; OBJECT IDLETIME
-- leaves it alone (Redis 7.0).
local bucket = {{ .Values.ingest.env.BUCKET | toJson }}
local steps = 20
local now = tonumber(redis.call('TIME')[1])
local told = {}

local function tell(name, value)
  table.insert(told, name)
  table.insert(told, string.format('%.0f', value))
end

local function sum(key)
  local total = 0
  for _, count in ipairs(redis.call('HVALS', key)) do
    total = total + tonumber(count)
  end
  return total
end

local function look_further()
  local cursor = redis.call('GET', 'MONITOR:cursor') or '0'
  for _ = 1, steps do
    -- The pattern fits INGEST, FAIL and WORKER, and none of the many FILE, ENQ and GROUP.
    local found = redis.call('SCAN', cursor, 'MATCH', '[FIW][ANO][GIR]*', 'COUNT', 1000)
    for _, key in ipairs(found[2]) do
      redis.call('SADD', 'MONITOR:names', key)
    end
    cursor = found[1]
    if cursor == '0' then
      redis.call('SET', 'MONITOR:complete', '1')
      break
    end
  end
  redis.call('SET', 'MONITOR:cursor', cursor)
end

local function tell_queue()
  local queue = 'QUEUE:' .. bucket
  tell('queue_length', redis.call('LLEN', queue))
  local oldest = redis.call('LINDEX', queue, -1)
  local received = oldest and redis.call('HGET', 'FILE:' .. oldest, 'recv_time')
  tell('queue_age_seconds', received and math.max(0, now - tonumber(received)) or 0)
end

local function tell_found()
  local totals = {INGEST = 0, FAIL = 0}
  local says = {INGEST = 'ingested', FAIL = 'failed'}
  local idle = 0
  for _, key in ipairs(redis.call('SMEMBERS', 'MONITOR:names')) do
    local kind, rest = string.match(key, '^(%u+):(.*)$')
    local instrument = string.sub(rest, #bucket + 2)
    if redis.call('EXISTS', key) == 0 then
      redis.call('SREM', 'MONITOR:names', key)
    elseif kind == 'WORKER' then
      idle = math.max(idle, redis.call('OBJECT', 'IDLETIME', key))
    elseif totals[kind] then
      local count = sum(key)
      totals[kind] = totals[kind] + count
      tell(says[kind] .. ' ' .. instrument, count)
    end
  end
  tell('worker_idle_seconds', idle)
  -- Not before all is known: numbers of years past would look like a sudden growth.
  if redis.call('EXISTS', 'MONITOR:complete') == 1 then
    for kind, total in pairs(totals) do
      tell(says[kind], total)
    end
  end
end

look_further()
tell_queue()
tell('received', sum('REC:' .. bucket))
tell_found()
local reconciled = redis.call('HGETALL', 'MONITOR:reconcile')
for i = 1, #reconciled, 2 do
  tell('reconcile_' .. reconciled[i], tonumber(reconciled[i + 1]))
end
return told
