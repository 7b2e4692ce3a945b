-- Sends the requests of a directory in turn: `wrk -s wrk.lua URL -- DIRECTORY COUNT`; the files are 0, 1, ... as they go
-- over the wire. Prints what it measured as JSON on the last line; latencies in milliseconds.
local pool, size, at = {}, 0, 0

function init(args)
  size = tonumber(args[2])
  for number = 0, size - 1 do
    local file = assert(io.open(args[1] .. "/" .. number, "rb"))
    pool[number] = file:read("*a")
    file:close()
  end
end

function request()
  local found = pool[at]
  at = (at + 1) % size
  return found
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "failed": %d}\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
