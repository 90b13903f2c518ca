#!/usr/bin/env bash
# See README.md.
set -euo pipefail
# A round runs within a command substitution, which would forget `set -e` otherwise.
shopt -s inherit_errexit
socket=$1 image=$2 longshore=$3 bare_loop=$4 rounds=${5:-3} jobs=${6:-60}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for _ in $(seq "$rounds"); do
  for at_once in 2 4 8; do
    rate=$("$bare_loop" "$socket" "$image" "$jobs" "$at_once")
    echo "bare-$at_once $rate"
  done
  rate=$("$longshore" bench launch --docker-host "unix://$socket" --image "$image" --jobs "$jobs" --json \
    2>"$out/err" | awk -F': ' '/containers_per_second/ {print $2 + 0}') || { cat "$out/err" >&2; exit 1; }
  echo "longshore $rate"
done | tee "$out/figures" >&2

median() { awk -v w="$1" '$1 == w {print $2}' "$out/figures" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
best=$(for at_once in 2 4 8; do echo "$(median "bare-$at_once") $at_once"; done | sort -rn | head -1)
awk -v b="${best% *}" -v n="${best#* }" -v l="$(median longshore)" \
  'BEGIN {printf "bare loop %.2f containers/s (%d at once), longshore %.2f containers/s, ratio %.2f\n", b, n, l, l / b}'
