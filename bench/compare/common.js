// What the two JavaScript peers share: the command line, the clock, and the one JSON document.
//
//     node PEER.js URL drain   --jobs N
//     node PEER.js URL submit  --jobs N --batch B --clients C
//     node PEER.js URL latency --jobs N --pause-ms P [--jitter-ms J]
//
// A peer gives main() a function for each mode. awa/src/main.rs does the same by the same rules.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import pg from "pg";

/** Jobs of one bulk call before a drain: as many as `longshore bench drain` submits at once. */
const PRELOAD_BATCH = 5_000;

/** Jobs that are not counted: the first ones wait for connections and plans. */
const WARM_UP = 20;

/** How often the database is asked whether nothing is left, once each handler was called. */
const ASK_EVERY_MS = 5;

export async function main(peer, modes) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      jobs: { type: "string" },
      batch: { type: "string", default: "1" },
      clients: { type: "string", default: "1" },
      "pause-ms": { type: "string", default: "20" },
      "jitter-ms": { type: "string", default: "0" },
    },
  });
  const [url, mode] = positionals;
  assert.ok(url && modes[mode] && positionals.length === 2, `usage: URL ${Object.keys(modes).join("|")} --jobs N`);
  const number = (name, least) => {
    const value = Number(values[name]);
    assert.ok(Number.isSafeInteger(value) && value >= least, `--${name} is a whole number from ${least}`);
    return value;
  };
  const options = {
    jobs: number("jobs", 1),
    batch: number("batch", 1),
    clients: number("clients", 1),
    pauseMs: number("pause-ms", 0),
    jitterMs: number("jitter-ms", 0),
  };
  await assertDurable(url);
  const result = await modes[mode](url, options);
  const { version } = createRequire(import.meta.url)(`${peer}/package.json`);
  process.stdout.write(`${JSON.stringify({ peer, version, mode, ...result })}\n`);
}

/** Commits of this server and database wait for the disk. */
async function assertDurable(url) {
  await withClient(url, async (client) => {
    for (const setting of ["fsync", "synchronous_commit"]) {
      const { rows } = await client.query(`SHOW ${setting}`);
      assert.equal(rows[0][setting], "on", setting);
    }
  });
}

export async function withClient(url, use) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Preloads jobs, starts the work, and times it until nothing is left in the database. */
export async function drain(url, { jobs }, { submitMany, start, left, check = async () => {} }) {
  const submitting = seconds();
  for (let from = 0; from < jobs; from += PRELOAD_BATCH) {
    await submitMany(numbers(from, Math.min(PRELOAD_BATCH, jobs - from)));
  }
  const submitSeconds = submitting();
  // As PostgreSQL's manual advises after a bulk load; not timed.
  await withClient(url, (client) => client.query("ANALYZE"));

  const calls = new Uint8Array(jobs);
  let called = 0;
  let allCalled;
  const done = new Promise((resolve) => (allCalled = resolve));
  const handle = (number) => {
    calls[number] += 1;
    called += 1;
    if (called === jobs) allCalled();
  };
  const draining = seconds();
  const stop = await start(handle);
  await done;
  while ((await left()) > 0) await sleep(ASK_EVERY_MS);
  const drainSeconds = draining();

  await stop();
  assert.equal(await left(), 0, "jobs are left");
  await check();
  assert.ok(calls.every((times) => times === 1), "a handler was not called exactly once");
  return {
    jobs,
    submit_seconds: submitSeconds,
    submitted_per_second: jobs / submitSeconds,
    drain_seconds: drainSeconds,
    jobs_per_second: jobs / drainSeconds,
  };
}

/** So many clients submit at once, each one call after another, until all jobs are submitted. */
export async function submit({ jobs, batch, clients }, { submitOne, submitMany, submitted }) {
  const call = batch === 1 ? ([number]) => submitOne(number) : submitMany;
  // Connections and plans are there before the clock starts.
  await Promise.all(Array.from({ length: clients }, () => call(numbers(0, batch))));
  const before = await submitted();

  const times = [];
  let next = 0;
  const client = async () => {
    while (next < jobs) {
      const from = next;
      next = Math.min(jobs, from + batch);
      const time = seconds();
      await call(numbers(from, next - from));
      times.push(time());
    }
  };
  const total = seconds();
  await Promise.all(Array.from({ length: clients }, client));
  const submitSeconds = total();

  assert.equal((await submitted()) - before, jobs, "not all jobs were submitted");
  const { median_ms, p99_ms } = percentiles(times);
  return { jobs, batch, clients, submit_seconds: submitSeconds, jobs_per_second: jobs / submitSeconds, median_ms, p99_ms };
}

/** Submits one job after another to an idle worker, and times how soon its handler is entered. */
export async function latency({ jobs, pauseMs, jitterMs }, { submitOne, start }) {
  let entered;
  const stop = await start((number) => entered(number));
  const times = [];
  for (let number = 0; number < WARM_UP + jobs; number += 1) {
    const time = seconds();
    const handled = new Promise((resolve) => (entered = (other) => resolve([other, time()])));
    await submitOne(number);
    const [other, waited] = await handled;
    assert.equal(other, number, "another job ran in its place");
    if (number >= WARM_UP) times.push(waited);
    await sleep(pauseMs + Math.random() * jitterMs);
  }
  await stop();
  return { jobs, pause_ms: pauseMs, jitter_ms: jitterMs, ...percentiles(times) };
}

/** A stopwatch. */
function seconds() {
  const began = process.hrtime.bigint();
  return () => Number(process.hrtime.bigint() - began) / 1e9;
}

/** Of at least one time in seconds, by the nearest rank. */
function percentiles(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (percent) => sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1] * 1000;
  return { median_ms: at(50), p90_ms: at(90), p99_ms: at(99), max_ms: at(100) };
}

const numbers = (from, count) => Array.from({ length: count }, (_, index) => from + index);

