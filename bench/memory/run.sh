#!/usr/bin/env bash
# See README.md.
set -euo pipefail
shopt -s inherit_errexit
socket=$1 image=$2 longshore=$3 seconds=${4:-600} jobs=${5:-50}
out=$(mktemp -d)
export LONGSHORE_DATABASE_URL=sqlite:$out/memory.db
worker=
stop() {
  if [ -n "$worker" ] && kill -0 "$worker" 2>/dev/null; then
    "$longshore" cancel --state running --yes >/dev/null 2>&1 || true
    for _ in $(seq 300); do
      [ "$(running)" = 0 ] && break
      sleep 0.2
    done
    kill "$worker"
    wait "$worker" || true
  fi
  rm -rf "$out"
}
trap stop EXIT
running() { "$longshore" list --state running --limit 1000 --quiet 2>/dev/null | wc -l; }

"$longshore" migrate >/dev/null
for _ in $(seq "$jobs"); do "$longshore" submit "$image" sleep 100000 >/dev/null; done
"$longshore" worker --docker-host "unix://$socket" --max-concurrent "$jobs" 2>"$out/worker.log" &
worker=$!
until [ "$(running)" = "$jobs" ]; do
  kill -0 "$worker" || { cat "$out/worker.log" >&2; exit 1; }
  sleep 0.5
done
for _ in $(seq "$seconds"); do
  awk '/^VmRSS/ {print $2 / 1024}' "/proc/$worker/status"
  sleep 1
done >"$out/looks"
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
printf 'with %d containers: %.1f MiB at first, %.1f MiB after %d s, at most %.1f MiB\n' "$jobs" \
  "$(head -30 "$out/looks" | median)" "$(tail -30 "$out/looks" | median)" "$seconds" "$(sort -n "$out/looks" | tail -1)"
