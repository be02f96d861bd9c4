# redis-server under redis-benchmark, then saves in forked children, and a digest of all it holds.
# usage: redis.sh small|full FOLDER [WORDS TO START WITH...]
set -euo pipefail
size=$1 folder=$2
shift 2
requests=2000 keys=10000 threads=1
[ "$size" = full ] && requests=100000 keys=300000 threads=3
socket=$folder/redis.sock
"$@" redis-server --port 0 --unixsocket "$socket" --dir "$folder" --enable-debug-command yes --appendonly yes \
  --save '' --io-threads $threads --activedefrag no >"$folder/log" 2>"$folder/err" &
server=$!
trap 'kill -9 $server 2>/dev/null || true; cat "$folder/err" >&2' EXIT
ask() { redis-cli -s "$socket" "$@"; }
for ((i = 0; i < 600; ++i)); do
  [ "$(ask ping 2>/dev/null)" = PONG ] && break
  kill -0 $server || { cat "$folder/log" >&2; exit 1; }
  sleep 0.05
done
# Without -r the keys are few, and what they hold at the end does not depend on the order.
redis-benchmark -s "$socket" -n "$requests" -c 20 -P 8 -q -t set,get,incr,lpush,rpush,sadd,hset,zadd,mset >"$folder/bench"
grep -c 'requests per second' "$folder/bench"
fill="for i = 1, $keys do redis.call('set', 'k' .. i, string.rep('v', i % 300))
  redis.call('hset', 'h' .. i % 97, i, i * i) redis.call('zadd', 'z', i % 1009, i)
  if i % 3 == 0 then redis.call('del', 'k' .. i - 1) end end return redis.call('dbsize')"
ask eval "$fill" 0
finished() { # COMMAND FIELD
  ask "$1" >/dev/null
  for ((i = 0; i < 2400; ++i)); do
    ask info persistence | tr -d '\r' | grep -q "^$2:0" && return
    sleep 0.05
  done
}
finished bgsave rdb_bgsave_in_progress
finished bgrewriteaof aof_rewrite_in_progress
ask info persistence | tr -d '\r' | grep -E '^(rdb_last_bgsave_status|aof_last_bgrewrite_status):'
ask debug digest
ask debug reload >/dev/null
ask debug digest
ask flushall async
ask memory purge || true
ask shutdown nosave >/dev/null || true
wait $server
trap 'cat "$folder/err" >&2' EXIT
