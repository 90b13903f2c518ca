#!/usr/bin/env bash
# See README.md.
set -euo pipefail
# A round runs within a command substitution, which would forget `set -e` otherwise.
shopt -s inherit_errexit
url=$1 longshore=$2 rounds=${3:-5} batch=256 jobs=${4:-102400}
here=$(cd "$(dirname "$0")" && pwd)
sql=$here/../../crates/longshore-postgres/sql
database=longshore_pgbench_$$
base=${url%/*}
out=$(mktemp -d)
export PGOPTIONS='-c search_path=longshore'
trap 'rm -rf "$out"; psql -qXc "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$url"' EXIT

# The product's finish statement with its parameters written in: arrays for the acquired batch.
each() { printf "array_fill(%s, ARRAY[:n::integer])" "$1"; }
{
  echo "SELECT cardinality(job_ids) AS n, job_ids::text AS jobs, attempts::text AS attempts, tokens::text AS tokens"
  echo "FROM acquire(:queue, $batch, 1, 1, NULL, NULL, NULL, NULL, NULL, '{0}', '{-1}', '{202}') \\gset"
  sed -e 's/--.*//' \
    -e "s/\$18::float8\[\]/NULL::float8[]/" -e "s/\$17::text\[\]/$(each "'completed'::text")/" \
    -e "s/\$16::text\[\]/$(each "'settle'::text")/" -e "s/\$15::text\[\]/NULL::text[]/" \
    -e "s/\$1[1-4]::bigint\[\]/NULL::bigint[]/g" -e "s/\$10::text\[\]/NULL::text[]/" \
    -e "s/\$9::text\[\]/NULL::text[]/" -e "s/\$8::boolean\[\]/$(each false)/" \
    -e "s/\$7::smallint\[\]/NULL::smallint[]/" -e "s/\$6::integer\[\]/$(each 0)/" \
    -e "s/\$5::boolean\[\]/$(each true)/" -e "s/\$4::text\[\]/$(each "'exited'::text")/" \
    -e "s/\$3::bigint\[\]/:tokens::bigint[]/" -e "s/\$2::integer\[\]/:attempts::integer[]/" \
    -e "s/\$1::bigint\[\]/:jobs::bigint[]/" "$sql/finish.sql"
  echo ";"
} >"$out/drain.sql"

pgbench_round() {
  psql -qXc "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "CREATE DATABASE $database" "$url"
  "$longshore" --database "$base/$database" migrate >/dev/null
  psql -qXAt -v ON_ERROR_STOP=1 "$base/$database" >/dev/null <<SQL
INSERT INTO worker (lease_ttl, pid, capacity, name, hostname, boot_id, version, queue_ids)
VALUES ('1 day', 1, 1000, 'pgbench', 'pgbench', 'pgbench', 'pgbench', '{}');
SELECT count(*) FROM submit_many((SELECT jsonb_agg('{"command": ["true"]}'::jsonb) FROM generate_series(1, $jobs)));
SQL
  local queue rate
  queue=$(psql -qXAtc "SELECT id FROM queue WHERE name = 'local'" "$base/$database")
  rate=$(pgbench -n -c 2 -j 1 -t $((jobs / batch / 2)) -M prepared -D queue="$queue" -f "$out/drain.sql" \
    "$base/$database" 2>"$out/pgbench.err" | awk -v b=$batch '/^tps/ {print $3 * b}') ||
    { cat "$out/pgbench.err" >&2; exit 1; }
  local left
  left=$(psql -qXAtc "SELECT count(*) FROM ready" -c "SELECT count(*) FROM settled" "$base/$database" | paste -sd' ')
  [ "$left" = "0 $jobs" ] || { echo "pgbench did not drain: ready and settled are $left" >&2; exit 1; }
  echo "$rate"
}

longshore_round() {
  "$longshore" --database "$url" bench drain --jobs "$jobs" --max-concurrent 1000 --json 2>"$out/longshore.err" |
    awk -F': ' '/jobs_per_second/ {print $2 + 0}' || { cat "$out/longshore.err" >&2; exit 1; }
}

for _ in $(seq "$rounds"); do
  # Apart from the echo, whose success would hide a failure.
  rate=$(pgbench_round)
  echo "pgbench $rate"
  rate=$(longshore_round)
  echo "longshore $rate"
done | tee "$out/figures" >&2
median() { awk -v w="$1" '$1 == w {print $2}' "$out/figures" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
awk -v p="$(median pgbench)" -v l="$(median longshore)" \
  'BEGIN {printf "pgbench %.0f jobs/s, longshore %.0f jobs/s, ratio %.2f\n", p, l, l / p}'
