// graphile-worker: https://worker.graphile.org/docs/performance (website/docs/performance.md of
// graphile/worker at v0.17.3).
//
// The settings are the ones of that page's "Quick stats" and "perfTest results: with batching",
// the fastest that it documents: 24 jobs at once, 25 connections, a local queue of 500 and
// completions batched with a delay of 0. Left alone, since one process gains nothing from it:
// `refetchDelay`, which is for "multiple worker instances", and the local queue's `ttl`.
// As that project's perfTest/run.js does, successes are not logged (NO_LOG_SUCCESS).
//
// library/add-job and library/add-jobs: the submissions; jobs-view: what is not done yet.
//
// Completed jobs are deleted.

process.env.NO_LOG_SUCCESS = "1"; // Read when the module is loaded, hence the import below it.
const { Logger, makeWorkerUtils, run } = await import("graphile-worker");
import { drain, latency, main, submit, withClient } from "./common.js";

const TASK = "noop";

const settings = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

const logger = new Logger(() => (level, message) => {
  if (level === "error" || level === "warning") console.error(`${level}: ${message}`);
});

/** Submits, with connections of its own, at least two of them; installs the schema. */
async function producer(url, maxPoolSize, use) {
  const preset = { worker: { connectionString: url, maxPoolSize } };
  const utils = await makeWorkerUtils({ preset, logger });
  try {
    await utils.migrate();
    return await use({
      submitOne: (number) => utils.addJob(TASK, { number }),
      submitMany: (numbers) => utils.addJobs(numbers.map((number) => ({ identifier: TASK, payload: { number } }))),
    });
  } finally {
    await utils.release();
  }
}

/** Starts the worker; resolves to what stops it. */
const worker = (url) => async (handle) => {
  const runner = await run({
    preset: { worker: { ...settings, connectionString: url } },
    taskList: { [TASK]: ({ number }) => handle(number) },
    logger,
    noHandleSignals: true,
  });
  return () => runner.stop();
};

/** Jobs in the database, which are those that are not done. */
const count = (client) => async () =>
  (await client.query("SELECT count(*)::int AS jobs FROM graphile_worker.jobs")).rows[0].jobs;

await main("graphile-worker", {
  drain: (url, options) =>
    withClient(url, (client) =>
      producer(url, 2, async (produce) => {
        const result = await drain(url, options, { ...produce, start: worker(url), left: count(client) });
        return { ...result, keeps_history: false, history: "none: deleted", settings };
      }),
    ),
  submit: (url, options) =>
    withClient(url, (client) =>
      producer(url, Math.max(2, options.clients), (produce) =>
        submit(options, { ...produce, submitted: count(client) }),
      ),
    ),
  latency: (url, options) =>
    producer(url, 2, async (produce) => ({
      ...(await latency(options, { ...produce, start: worker(url) })),
      settings,
    })),
});
