#!/usr/bin/env bash
# Usage: run.sh URL [ROUNDS [SECONDS]] — see README.md.
set -euo pipefail
url=$1 rounds=${2:-5} seconds=${3:-5}
here=$(dirname "$0")
layouts="longshore foreign_keys partitioned_attempt uuid text_states one_table"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for layout in $layouts; do
  psql -qXf "$here/layouts.sql" -v layout="$layout" "$url"
  printf 'SET search_path = layout_%s;\n' "$layout" >"$out/$layout.sql"
  printf 'SELECT submit(100);\nSELECT acquire_and_finish(100);\n' >>"$out/$layout.sql"
done
for round in $(seq "$rounds"); do
  for layout in $layouts; do
    before=$(psql -qXAtc 'SELECT pg_current_wal_lsn()' "$url")
    tps=$(pgbench -n -c 4 -j 2 -T "$seconds" -M simple -f "$out/$layout.sql" "$url" 2>/dev/null |
      awk '/^tps/ {print $3} /actually processed/ {print $6}' | paste -sd' ')
    wal=$(psql -qXAtc "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$before')" "$url")
    echo "$layout $tps $wal" >>"$out/figures"
  done
done
awk '{n = ($2 > 0) ? $2 : 1; split($0, f, " "); print f[1], f[3] * 100, f[4] / (f[2] * 100)}' "$out/figures" |
  sort -k1,1 -k2,2n >"$out/rates"
base=$(awk '$1 == "longshore" {v[++n] = $2} END {print v[int((n + 1) / 2)]}' "$out/rates")
printf '%-22s %12s %9s %14s\n' layout 'jobs/s' ratio 'WAL bytes/job'
for layout in $layouts; do
  awk -v l="$layout" -v base="$base" '$1 == l {v[++n] = $2; w += $3}
    END {m = v[int((n + 1) / 2)]; printf "%-22s %12.0f %9.2f %14.0f\n", l, m, m / base, w / n}' "$out/rates"
done
for layout in $layouts; do psql -qXc "SET client_min_messages = warning; DROP SCHEMA layout_$layout CASCADE" "$url"; done
