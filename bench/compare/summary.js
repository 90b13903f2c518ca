// Medians over the rounds, and ratios to the best peer: a table from lines of WHAT, PEER and a JSON
// document, apart by tabs.

import { readFileSync } from "node:fs";

const US = "longshore";

/** What is read of each benchmark, and whether more is better. */
const figures = {
  drain: { read: (d) => d.jobs_per_second, unit: "jobs/s", more: true },
  "drain, transactions": { of: "drain", read: (d) => d.cost_per_job.transactions, unit: "a job", more: false },
  "drain, log": { of: "drain", read: (d) => d.cost_per_job.wal_bytes, unit: "bytes a job", more: false },
  "drain, dead rows": { of: "drain", read: (d) => d.cost_per_job.dead_rows, unit: "a job", more: false },
  "submit 1,000 a call": { read: (d) => d.jobs_per_second, unit: "jobs/s", more: true },
  "submit one at a time, 8 clients": { read: (d) => d.jobs_per_second, unit: "jobs/s", more: true },
  latency: { read: (d) => (d.submitted_to_running ?? d).median_ms, unit: "ms, median", more: false },
  "latency, p99": {
    of: "latency",
    read: (d) => (d.submitted_to_running ?? d).p99_ms,
    unit: "ms, 99th percentile",
    more: false,
  },
};

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const lines = readFileSync(process.argv[2], "utf8").trimEnd().split("\n");
const measured = lines.map((line) => line.split("\t")).map(([what, peer, json]) => ({ what, peer, document: JSON.parse(json) }));
const peers = [...new Set(measured.map(({ peer }) => peer))];

console.log(`| | unit | ${peers.join(" | ")} | to the best peer |`);
console.log(`|---|---|${"---|".repeat(peers.length)}---|`);
for (const [what, { of, read, unit, more }] of Object.entries(figures)) {
  const medians = peers.map((peer) => {
    const documents = measured.filter((one) => one.what === (of ?? what) && one.peer === peer);
    return median(documents.map(({ document }) => read(document)));
  });
  const ours = medians[peers.indexOf(US)];
  const others = medians.filter((_, index) => peers[index] !== US);
  const best = more ? Math.max(...others) : Math.min(...others);
  const ratio = more ? ours / best : best / ours;
  const cells = medians.map((value) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value < 1 ? 3 : 2)));
  console.log(`| ${what} | ${unit} | ${cells.join(" | ")} | ${ratio.toFixed(2)} |`);
}
