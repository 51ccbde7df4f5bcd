-- Appends one event with each request of wrk:
--
--   wrk -t 1 -c 64 -d 5s -s append.lua http://127.0.0.1:PORT -- SEED
--
-- Events are like those of events.py: 256 bytes, a random id, five in a row of one stream. Whole
-- requests are made here, since all are of one length. At the end comes one line of JSON.

local seed, threads = 1, 0
local random, format = math.random, string.format

local LINE_BYTES = 256
local HEAD = "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    .. "Content-Type: application/cloudevents+json\r\nContent-Length: " .. LINE_BYTES .. "\r\n\r\n"
local BEGIN = '{"specversion":"1.0","id":"%08x-%04x-4%03x-a%03x-%06x%06x",'
    .. '"source":"urn:ascolto:bench","type":"contact.received","subject":"contact/%s-%d",'
    .. '"time":"2026-03-02T09:00:%02dZ","schema":1,'
    .. '"data":{"channel":"phone","direction":"in","note":"'
local END = '"}}'

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(arguments)
    seed = tonumber(arguments[1]) * 1024 + number
    math.randomseed(seed)
    prefix, made = format("%x", seed), 0
end

-- So many random digits, seven with each number.
local function digits(count)
    local parts = {}
    for part = 1, math.ceil(count / 7) do
        parts[part] = format("%07x", random(0, 0xfffffff))
    end
    return table.concat(parts):sub(1, count)
end

function request()
    local line = format(
        BEGIN, random(0, 0x7fffffff), random(0, 0xffff), random(0, 0xfff), random(0, 0xfff),
        random(0, 0xffffff), random(0, 0xffffff), prefix, math.floor(made / 5), made % 60)
    made = made + 1
    return HEAD .. line .. digits(LINE_BYTES - #line - #END) .. END
end

function done(summary, latency)
    local errors = summary.errors
    io.write(format(
        '{"count":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,"errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        latency.max,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
