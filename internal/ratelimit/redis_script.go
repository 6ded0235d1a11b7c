package ratelimit

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// script is the window of Memory in one atomic round trip. KEYS[1] is the
// counter, ARGV[1] the number of requests, 0 to read, ARGV[2] the limit, and
// ARGV[3] the length of a part in microseconds. It returns 1 if the requests
// are granted and 0 if not, how many the window counts, and the microseconds
// until more may pass.
//
// The clock is that of Redis, because the clocks of replicas differ. If it has been
// set back, or a server whose clock is behind has taken over, requests in the future
// count as made now, so that no client waits longer than the window, and none passes
// too early. A value that is not a window counts as an empty one.
//
// The value is an array in MessagePack: the number of the current part since 1970,
// then the counts, the newest first. With its key, it takes less than 200 bytes of
// memory in Redis.
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local n, limit, length = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local part = math.floor(now / length)

local ok, stored = pcall(cmsgpack.unpack, redis.pcall('GET', KEYS[1]))
if not ok or type(stored) ~= 'table' or not tonumber(stored[1]) then
  stored = {part}
end
local passed = part - stored[1]
local window, total = {part, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0
for i = 1, 11 do
  local at, count = 1 + math.max(i + passed, 1), tonumber(stored[1 + i]) or 0
  if at <= 12 then
    window[at] = window[at] + count
    total = total + count
  end
end

local granted = n <= limit - total
if granted then
  window[2] = window[2] + n
  total = total + n
end
if granted and n > 0 or passed < 0 then
  local left = (part + 11) * length - now
  redis.call('SET', KEYS[1], cmsgpack.pack(window), 'PX', math.ceil(left / 1000))
end

local needed, left, wait = granted and 0 or n, total, 0
for i = 11, 1, -1 do
  if window[1 + i] > 0 then
    left = left - window[1 + i]
    wait = (part + 12 - i) * length - now
    if needed <= limit - left then break end
  end
end
return {granted and 1 or 0, total, wait}
`

var errReply = errors.New("Redis replied to the script with something other than three numbers")

// reply is what the script returns.
type reply struct {
	granted bool
	total   int64
	wait    time.Duration
}

// count runs the script.
func (c *connection) count(script *rueidis.Lua, key string, n int64, rate Rate) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	numbers, err := script.Exec(ctx, c.client, []string{key}, []string{
		strconv.FormatInt(n, 10),
		strconv.FormatInt(rate.Limit, 10),
		strconv.FormatInt(partLength(rate, time.Microsecond), 10),
	}).AsIntSlice()
	if err != nil {
		return reply{}, err
	}
	if len(numbers) != 3 {
		return reply{}, errReply
	}
	return reply{numbers[0] == 1, numbers[1], time.Duration(numbers[2]) * time.Microsecond}, nil
}

// forget deletes the counter.
func (c *connection) forget(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return c.client.Do(ctx, c.client.B().Del().Key(key).Build()).Error()
}
