# nginx with two workers under wrk: every answer complete, a reload in the middle, a graceful end.
# usage: nginx.sh small|full FOLDER [WORDS TO START WITH...]
set -euo pipefail
size=$1 folder=$2
shift 2
seconds=1
[ "$size" = full ] && seconds=10
mkdir -p "$folder"/{www,temp}
chmod -R a+rX "$folder"
for ((i = 1; i <= 20000; ++i)); do echo "line $i of a file of some size"; done >"$folder/www/page.txt"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 2;
pid $folder/pid;
error_log $folder/error.log;
events { worker_connections 512; }
http {
  access_log $folder/access.log;
  gzip on; gzip_types text/plain; gzip_min_length 100;
  client_body_temp_path $folder/temp/body; proxy_temp_path $folder/temp/proxy;
  fastcgi_temp_path $folder/temp/fastcgi; uwsgi_temp_path $folder/temp/uwsgi; scgi_temp_path $folder/temp/scgi;
  server {
    listen 127.0.0.1:$port;
    root $folder/www;
    location /echo { return 200 "\$request_method \$args\n"; }
    location /again/ { proxy_pass http://127.0.0.1:$port/; }
  }
}
CONF
"$@" nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" 2>"$folder/err" &
server=$!
trap 'kill -9 $server 2>/dev/null || true; cat "$folder/err" >&2' EXIT
get() { curl -sS --noproxy '*' --max-time 20 "$@"; }
for ((i = 0; i < 600; ++i)); do
  get "http://127.0.0.1:$port/echo" >/dev/null 2>&1 && break
  sleep 0.05
done
load() { wrk -t 2 -c 24 -d "${seconds}s" "http://127.0.0.1:$port/$1" | grep -E 'Socket errors|Non-2xx' || echo "$1: no errors"; }
workers() { cat "/proc/$server/task/$server/children"; }
load page.txt
load 'echo?a=1'
old=$(workers)
kill -HUP "$server"
for pid in $old; do
  for ((i = 0; i < 600; ++i)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
done
load again/page.txt
for path in page.txt 'echo?x=y' again/page.txt; do
  get "http://127.0.0.1:$port/$path" | sha256sum
  get --compressed "http://127.0.0.1:$port/$path" | sha256sum
done
kill -QUIT "$server"
wait $server
grep -cE '\[(alert|crit|emerg)\]' "$folder/error.log" || true
trap 'cat "$folder/err" >&2' EXIT
