#!/usr/bin/env bash
# See README.md.
set -euo pipefail
shopt -s inherit_errexit
longshore=$(realpath "$1") rounds=${2:-3} jobs=${3:-100000}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

need() { command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 2; }; }
need node "the JavaScript peers run on Node.js 20 or later"
need npm "it installs the JavaScript peers"
need cargo "it builds awa"
npm ci --silent --no-audit --no-fund
cargo build --quiet --release --locked --manifest-path awa/Cargo.toml

# A server of our own, whose settings are stated here. What is not named is PostgreSQL's default:
# fsync, full_page_writes and synchronous_commit are on.
settings=(
  -c shared_buffers=1GB -c max_wal_size=8GB -c checkpoint_timeout=15min -c max_connections=200
  -c autovacuum_naptime=10s
)
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
bin=${bin:-$(pg_config --bindir)}
data=$(mktemp -d)
as_server=()
if [ "$(id -u)" = 0 ]; then
  # PostgreSQL does not run as root.
  chown postgres "$data"
  as_server=(runuser -u postgres --)
fi
server() { (cd "$data" && "${as_server[@]}" "$@"); }
stop() {
  server "$bin/pg_ctl" -D "$data/db" -m immediate -s stop >/dev/null 2>&1 || true
  rm -rf "$data"
}
trap stop EXIT
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
server "$bin/initdb" -D "$data/db" -U bench -A trust -E UTF8 --locale=C >"$data/initdb.log"
server "$bin/pg_ctl" -D "$data/db" -s -w -l "$data/server.log" \
  -o "-p $port -k $data -c listen_addresses=127.0.0.1 ${settings[*]}" start
base=postgres://bench@127.0.0.1:$port
sql() { psql -qXAt -v ON_ERROR_STOP=1 -c "$1" "$base/postgres"; }

# One measurement: PEER MODE OPTIONS. Each on a database of its own, after a checkpoint. Called where
# `set -e` does not hold, so each step says what its failure means.
measure() {
  local peer=$1 mode=$2
  shift 2
  sql 'CHECKPOINT' || return
  if [ "$peer" = longshore ]; then
    # Makes a database of its own.
    "$longshore" --database "$base/postgres" bench "$mode" "$@" --json 2>>"$data/peers.log" || return
    return 0
  fi
  sql 'CREATE DATABASE peer' || return
  local program document cost before
  case $peer in
    graphile-worker) program=(node graphile.js) ;;
    pg-boss) program=(node pgboss.js) ;;
    awa) program=(awa/target/release/compare-awa) ;;
  esac
  before=$(sql 'SELECT pg_current_wal_insert_lsn()') || return
  document=$("${program[@]}" "$base/peer" "$mode" "$@" 2>>"$data/peers.log") || return
  if [ "$mode" = drain ]; then
    # As Longshore's own figures: of preload and drain together. The server counts within a second or so.
    sleep 1.5
    cost=$(psql -qXAt -v ON_ERROR_STOP=1 "$base/peer" -c "
      SELECT json_build_object(
        'transactions', (d.xact_commit + d.xact_rollback) / $jobs.0,
        'wal_bytes', (pg_current_wal_insert_lsn() - '$before') / $jobs.0,
        'dead_rows', (SELECT sum(t.n_dead_tup) FROM pg_stat_user_tables AS t) / $jobs.0)
      FROM pg_stat_database AS d WHERE d.datname = current_database()") || return
    document="${document%\}},\"cost_per_job\":$cost}"
  fi
  sql 'DROP DATABASE peer WITH (FORCE)' || return
  echo "$document"
}

figures=$data/figures
note() { # WHAT PEER MODE OPTIONS
  local what=$1 document
  shift
  document=$(measure "$@") || { tail -20 "$data/peers.log" >&2; exit 1; }
  printf '%s\t%s\t%s\n' "$what" "$1" "$(tr -d '\n' <<<"$document")" | tee -a "$figures" >&2
}

peers=(longshore graphile-worker awa pg-boss)
for _ in $(seq "$rounds"); do
  for peer in "${peers[@]}"; do
    crew=()
    if [ "$peer" = longshore ]; then crew=(--max-concurrent 1000); fi
    note drain "$peer" drain --jobs "$jobs" "${crew[@]}"
  done
  for peer in "${peers[@]}"; do
    note 'submit 1,000 a call' "$peer" submit --jobs "$jobs" --batch 1000 --clients 1
  done
  for peer in "${peers[@]}"; do
    note 'submit one at a time, 8 clients' "$peer" submit --jobs $((jobs / 20)) --batch 1 --clients 8
  done
  for peer in "${peers[@]}"; do
    pause=(--pause-ms 20)
    # It polls: at the least interval that it allows, wherever in it a job comes.
    if [ "$peer" = pg-boss ]; then pause=(--pause-ms 0 --jitter-ms 500); fi
    if [ "$peer" = longshore ]; then pause=(--pause 20ms); fi
    note latency "$peer" latency --jobs 200 "${pause[@]}"
  done
done
node summary.js "$figures"
