#!/usr/bin/env bash
# Usage: output.sh URL [ROUNDS [CHUNKS]] — see README.md.
#
# Output of attempts, partitioned by day as the product's migrations make it, beside the same table in
# one piece: appending CHUNKS parts of 4 KiB to each of two days, then letting the older day go, by
# dropping its partition or by deleting its rows.
set -euo pipefail
shopt -s inherit_errexit
url=$1 rounds=${2:-5} chunks=${3:-50000}
here=$(cd "$(dirname "$0")" && pwd)
base=${url%/*} database=longshore_output_$$
export PGOPTIONS='-c search_path=longshore -c client_min_messages=warning'
out=$(mktemp -d)
trap 'rm -rf "$out"; psql -qXc "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$url"' EXIT

run() { psql -qXAt -v ON_ERROR_STOP=1 "$base/$database" "$@"; }

# One measure: seconds and bytes of WAL that the statement takes, a checkpoint before it.
measure() { # LAYOUT WHAT SQL
  local before began ended wal
  run -c CHECKPOINT
  before=$(run -c 'SELECT pg_current_wal_lsn()')
  began=$(date +%s.%N)
  run -c "$3" >/dev/null
  ended=$(date +%s.%N)
  wal=$(run -c "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$before')")
  echo "$1 $2 $(awk -v a="$began" -v b="$ended" 'BEGIN {print b - a}') $wal" >>"$out/figures"
}

append() { # TABLE DAYS_AGO: jobs of 50 parts, committed by 1,000 parts as workers' batches would be
  cat <<SQL
DO \$\$ BEGIN
  FOR batch IN 0 .. $chunks / 1000 - 1 LOOP
    INSERT INTO $1 (job_id, token, claimed_at, position, stored_at, attempt, seq, stream, bytes)
    SELECT n / 50, 1, date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '$2 days',
           n * 4096, now(), 1, n % 50, 1, (SELECT string_agg(sha256(int8send(n * 128 + i)), '') FROM generate_series(1, 128) AS i)
    FROM generate_series($2 * 100000000::bigint + batch * 1000, $2 * 100000000::bigint + batch * 1000 + 999) AS n;
    COMMIT;
  END LOOP;
END \$\$
SQL
}

for _ in $(seq "$rounds"); do
  for layout in by_day in_one; do
    psql -qXc "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "CREATE DATABASE $database" "$url" 2>/dev/null
    run -c 'CREATE SCHEMA longshore'
    for migration in $(ls "$here"/../../crates/longshore-postgres/migrations/V*.sql | sort -V); do
      run -f "$migration" >/dev/null
    done
    run -c "SELECT make_log_partition((now() AT TIME ZONE 'UTC')::date - d) FROM generate_series(0, 1) AS d" >/dev/null
    run -c "CREATE TABLE in_one (LIKE log_chunk INCLUDING ALL)"
    table=log_chunk; [ "$layout" = by_day ] || table=in_one
    measure "$layout" append "$(append $table 1)"
    measure "$layout" append "$(append $table 0)"
    if [ "$layout" = by_day ]; then
      measure "$layout" let_go "SELECT drop_log_day((now() AT TIME ZONE 'UTC')::date - 1)"
    else
      # What it costs to be rid of the rows, and of what they leave behind.
      measure "$layout" let_go "DELETE FROM in_one WHERE claimed_at < date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
      measure "$layout" vacuum "VACUUM in_one"
    fi
    size=$(run -c "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c WHERE relkind = 'r' AND relname ~ '^(in_one|log_chunk_)'")
    echo "$layout size_left 0 $size" >>"$out/figures"
  done
done
printf '%-8s %-10s %10s %16s\n' layout what seconds 'bytes'
sort -k1,2 "$out/figures" | awk '
  function show() { if (n) { asort_s(); printf "%-8s %-10s %10.3f %16.0f\n", l, w, s[int((n + 1) / 2)], total / n } }
  function asort_s(  i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && s[j] < s[j - 1]; j--) { t = s[j]; s[j] = s[j - 1]; s[j - 1] = t } }
  { if ($1 != l || $2 != w) { show(); l = $1; w = $2; n = 0; total = 0 } s[++n] = $3; total += $4 }
  END { show() }'
