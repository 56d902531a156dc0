-- Posts requests that were made before: head n with body n mod bodies. Prints its result as one line of JSON.
local heads, bodies, requests = {}, {}, nil
local count, bodyCount, at = 0, 0, 0
local madeSizeBytesMax = 128 * 1024 * 1024

local function readPieces(path)
  local file = assert(io.open(path .. ".bin", "rb"))
  local pieces = {}
  for size in io.lines(path .. ".sizes") do
    local bytes = tonumber(size)
    pieces[#pieces + 1] = bytes > 0 and file:read(bytes) or ""
  end
  file:close()
  return pieces
end

function init(args)
  heads = readPieces(args[1] .. "/heads")
  bodies = readPieces(args[1] .. "/bodies")
  count, bodyCount = #heads, #bodies
  local sizeBytes = 0
  for index = 1, count do sizeBytes = sizeBytes + #heads[index] + #bodies[(index - 1) % bodyCount + 1] end
  if sizeBytes <= madeSizeBytesMax then
    requests = {}
    for index = 1, count do requests[index] = heads[index] .. bodies[(index - 1) % bodyCount + 1] end
  end
end

function request()
  at = at % count + 1
  if requests then return requests[at] end
  return heads[at] .. bodies[(at - 1) % bodyCount + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  local text = '\nRESULT {"count":%d,"seconds":%f,"p50Ms":%f,"p99Ms":%f,"p999Ms":%f,"failed":%d}\n'
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(text, summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3, failed))
end
