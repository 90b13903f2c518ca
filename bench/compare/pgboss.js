// pg-boss 10: https://timgit.github.io/pg-boss/ (docs/api/*.md of timgit/pg-boss at 10.4.0).
//
// * api/workers, work(): `batchSize` is how many jobs one fetch takes and one completion marks, the
//   only setting for throughput there is; "each call to work() will add a new worker". The handler
//   gets the whole batch, so one failure would fail all of its jobs: that is what pg-boss offers.
// * api/workers, notifyWorker(): "to bypass the job polling interval for this iteration in the
//   loop". Without it a worker takes one batch each polling interval, which is at least 0.5 s; so
//   a worker that got jobs asks for the next at once.
// * api/workers, work(): `pollingIntervalSeconds` is at its least, for the latency: pg-boss has no
//   LISTEN. `--jitter-ms 500` or more spreads submissions over the interval; else each comes at
//   the same time after a poll.
// * api/jobs, insert(): the bulk submission; api/queues, getQueueSize(): what is not completed yet.
//
// Completed jobs are kept, for 12 hours in the job table and then 7 days in the archive.

import assert from "node:assert/strict";
import PgBoss from "pg-boss";
import { drain, latency, main, submit } from "./common.js";

const QUEUE = "noop";

const settings = { workers: 2, batchSize: 1000, pollingIntervalSeconds: 0.5 };

/** An instance with connections of its own; installs the schema. */
async function withBoss(url, max, use) {
  const boss = new PgBoss({ connectionString: url, max });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  try {
    await boss.createQueue(QUEUE);
    return await use(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}

const producer = (boss) => ({
  submitOne: async (number) => assert.ok(await boss.send(QUEUE, { number })),
  submitMany: (numbers) => boss.insert(numbers.map((number) => ({ name: QUEUE, data: { number } }))),
});

/** Starts the workers; resolves to what stops them. */
const worker = (boss) => async (handle) => {
  for (let index = 0; index < settings.workers; index += 1) {
    const { batchSize, pollingIntervalSeconds } = settings;
    const id = await boss.work(QUEUE, { batchSize, pollingIntervalSeconds }, async (jobs) => {
      for (const job of jobs) handle(job.data.number);
      boss.notifyWorker(id);
    });
  }
  return () => boss.offWork(QUEUE);
};

/** Jobs before a state: created, retry, active, completed, cancelled, failed. */
const before = (boss, state) => boss.getQueueSize(QUEUE, { before: state });

await main("pg-boss", {
  drain: (url, options) =>
    withBoss(url, 10, async (boss) => {
      const result = await drain(url, options, {
        ...producer(boss),
        start: worker(boss),
        left: () => before(boss, "completed"),
        check: async () => assert.equal(await before(boss, "cancelled"), options.jobs, "not each job is completed"),
      });
      return {
        ...result,
        keeps_history: true,
        history: "12 hours in the job table, then 7 days in the archive",
        settings,
      };
    }),
  submit: (url, options) =>
    withBoss(url, options.clients, (boss) =>
      submit(options, { ...producer(boss), submitted: () => before(boss, "completed") }),
    ),
  latency: (url, options) =>
    withBoss(url, 1, (producing) =>
      withBoss(url, 10, async (working) => ({
        ...(await latency(options, { ...producer(producing), start: worker(working) })),
        settings,
      })),
    ),
});
