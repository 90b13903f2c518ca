#!/usr/bin/env bash
# Takes the pictures of the dashboard that README.md shows: ./take.sh LONGSHORE PYTHON CHROMIUM
#
# PYTHON has Playwright (the environment of the tests, target/python/bin/python). Jobs are processes that pretend:
# what they are called and what they write is made up, what Longshore shows of them is as it is. Only the times of
# those that have ended are spread over the last hour.
set -euo pipefail
longshore=$1 python=$2 chromium=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
export HOME=$work LONGSHORE_DATABASE_URL=sqlite:$work/longshore.db
trap 'kill %1 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

for queue in reports:4 images:3 nightly:2; do
    "$longshore" queue create "${queue%:*}" --max-concurrent "${queue#*:}"
done
"$longshore" queue limit local 6
"$longshore" up --listen 127.0.0.1:0 --max-concurrent 9 --anonymous operator 2>"$work/up.log" &
until address=$(grep -om1 'listens on http://.*' "$work/up.log"); do sleep 0.1; done
address=${address#listens on }

job() { # name, queue, labels, seconds, exit code
    printf '{"name":"%s","queue":"%s","labels":%s,"command":["sh","-c","sleep %s; echo done; exit %s"]}\n' "$@"
}
{
    for n in $(seq 150); do
        code=0
        case $((n % 29)) in 7 | 19) code=1 ;; esac
        case $((n % 4)) in
            0) job "monthly report $((2400 + n))" reports '{"team":"finance"}' 0.1 $code ;;
            1) job "thumbnails of album $((n * 7))" images '{"team":"web"}' 0.05 $code ;;
            2) job "invoice $((80000 + n))" local '{"team":"finance"}' 0.05 $code ;;
            3) job "reindex shard $((n % 16))" nightly '{"team":"search"}' 0.1 $code ;;
        esac
    done
} | "$longshore" submit -f - >/dev/null
until [ -z "$("$longshore" list -q --state queued,launching,running,retrying 2>/dev/null)" ]; do sleep 0.2; done
"$python" - "$work/longshore.db" <<'PYTHON'
import random, sqlite3, sys
random.seed(7)
db = sqlite3.connect(sys.argv[1], timeout=10)
hour = 3_500_000_000
for (job,) in db.execute("SELECT job_id FROM settled ORDER BY job_id").fetchall():
    # More of them lately, and a lull.
    earlier = int(hour * random.random() ** 1.4)
    if 0.45 < earlier / hour < 0.55:
        earlier //= 3
    for statement in (
        "UPDATE settled SET at = at - ? WHERE job_id = ?",
        "UPDATE attempt SET claimed_at = claimed_at - ?1, started_at = started_at - ?1, ended_at = ended_at - ?1 WHERE job_id = ?2",
        "UPDATE job SET created_at = created_at - ? WHERE id = ?",
    ):
        db.execute(statement, (earlier, job))
db.commit()
PYTHON

cat >train.sh <<'SCRIPT'
printf 'loading \033[1mcorpus-2026-11\033[0m: 48 shards\n'
for step in $(seq 1 8); do
    printf '\033[32mstep %4d\033[0m  loss %s  %s tokens/s\n' $((step * 250)) "$(awk "BEGIN{printf \"%.3f\", 2.9/(1+$step*0.21)}")" $((118000 + step * 317))
    [ $step = 5 ] && printf '\033[33mwarning\033[0m: shard 31 was read twice as slowly as the others\n' >&2
    sleep 0.15
done
sleep 600
SCRIPT
{
    for n in 1 2 3 4 5 6 7; do job "monthly report $((2600 + n))" reports '{"team":"finance"}' 600 0; done
    for n in 1 2 3 4; do job "thumbnails of album $((900 + n))" images '{"team":"web"}' 600 0; done
    job "reindex shard 3" nightly '{"team":"search"}' 600 0
} | "$longshore" submit -f - >/dev/null
train=$("$longshore" submit --queue nightly --name "train the ranking model" --label team=search --run-timeout 6h -- sh train.sh)
"$longshore" submit --queue reports --at "$(date -ud '+5 hours' +%FT%TZ)" --name "yearly report" -- true >/dev/null
until "$longshore" logs "$train" 2>/dev/null | grep -q 'step 2000'; do sleep 0.2; done

"$python" "$here/take.py" "$address" "$train" "$chromium" "$here"
