#!/usr/bin/env bash
# See README.md.
set -euo pipefail
url=$1 longshore=$2 rounds=${3:-15} jobs=${4:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
server=
database=longshore_lists_$$
trap 'test -z "$server" || kill "$server"; rm -rf "$out"
      psql -qXc "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$url" 2>/dev/null' EXIT

fill_postgres() {
  psql -qXc "CREATE DATABASE $database" "$url"
  store=${url%/*}/$database
  "$longshore" --database "$store" migrate >/dev/null
  psql -qX -v ON_ERROR_STOP=1 -v jobs="$jobs" -f "$here/fill_postgres.sql" "$store"
}

fill_sqlite() {
  store=sqlite:$out/lists.db
  "$longshore" --database "$store" migrate >/dev/null
  sqlite3 -bail -cmd '.parameter init' -cmd ".parameter set :jobs $jobs" "$out/lists.db" <"$here/fill_sqlite.sql"
}

middle=$((jobs / 2))
api=(
  "jobs" "jobs?before=$middle" "jobs?before=500" "jobs?limit=1000"
  "jobs?state=queued" "jobs?state=running" "jobs?state=launching" "jobs?state=retrying" "jobs?state=pending"
  "jobs?state=failed" "jobs?state=failed&before=$middle" "jobs?state=cancelled&state=timed_out"
  "jobs?queue=gpu" "jobs?queue=rare" "jobs?queue=empty" "jobs?queue=rare&state=failed" "jobs?queue=gpu&state=queued"
  "jobs?label=team%3Da" "jobs?label=special%3Dyes" "jobs?label=no%3Dsuch" "jobs?label=team%3Da&state=failed"
  "jobs?label=special%3Dyes&state=queued" "jobs?label=team%3Da&queue=rare"
  "jobs?search=report-$middle" "jobs?search=nowhere" "jobs?search=report" "jobs?name=report-77&state=failed"
  "jobs?image=registry.example/reports" "jobs?image=registry.example/reports:3&before=$middle" "jobs?image=nowhere"
  "jobs?exit_code=2" "jobs?exit_code=99" "jobs?state=failed&exit_code=99"
  "jobs?since=2001-01-01T00:00:00Z" "jobs?until=2001-01-01T00:00:00Z" "jobs?search=nowhere&state=completed&queue=gpu"
  "jobs/$middle" "jobs/$((jobs * 97 / 100))" "queues" "queues/gpu" "workers" "hosts" "templates" "stats" "changes" "changes?after=0.0"
  "jobs/$middle/usage" "webhooks" "deliveries" "deliveries?job=$middle"
)
pages=(
  "" "jobs" "jobs?state=failed" "jobs?before=$middle" "jobs?search=nowhere" "jobs?label=team%3Da" "jobs?exit_code=99"
  "jobs/$middle" "jobs/bulk?action=cancel" "jobs/bulk?action=cancel&search=nowhere" "submit" "scheduled" "queues"
  "queues/gpu" "queues/rare" "workers" "hosts" "webhooks" "webhooks?job=$middle"
)
queries=("${api[@]/#/api/v1/}" "${pages[@]}")

measure() {
  LONGSHORE_DATABASE_URL=$store "$longshore" server --listen 127.0.0.1:0 --anonymous operator 2>"$out/server.log" &
  server=$!
  local address=
  until address=$(grep -om1 'listens on http://.*' "$out/server.log"); do
    kill -0 $server || { cat "$out/server.log" >&2; exit 1; }
    sleep 0.1
  done
  address=${address#listens on }
  for query in "${queries[@]}"; do
    for _ in $(seq "$rounds"); do
      curl -fsS -o "$out/answer" -w '%{time_total}\n' "$address/$query"
    done | sort -n | awk -v what="$1" -v query="$query" \
      '{v[NR] = $1} END {printf "%-9s %7.1f ms  (slowest %7.1f)  /%s\n", what, v[int((NR + 1) / 2)] * 1000, v[NR] * 1000, query}'
  done
  awk -v what="$1" '/^VmHWM/ {printf "%-9s %7.1f MiB  the most that the server had in memory\n", what, $2 / 1024}' \
    "/proc/$server/status"
  kill "$server"; wait "$server" || true
  server=
}

for what in postgres sqlite; do
  "fill_$what"
  measure $what
done
