import type { CronJobSpec } from "kubernetes-types/batch/v1";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CronJob, cronJobs } from "../../../src/kube/kinds/cronjob.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Job, jobs } from "../../../src/kube/kinds/job.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const MINUTE_MS = 60_000;
const key = { namespace: "default", name: "tick" };

const cronJob = (spec: Partial<CronJobSpec> = {}): CronJob => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { ...key },
  spec: {
    schedule: "*/10 * * * *",
    jobTemplate: {
      metadata: { labels: { app: "tick" }, annotations: { why: "test" } },
      spec: {
        template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "v1" }] } },
      },
    },
    ...spec,
  },
});
const start = async (spec: Partial<CronJobSpec> = {}): Promise<void> => {
  await cluster.client.create(cronJobs, cronJob(spec));
  await cluster.settle();
};
const change = async (spec: object): Promise<void> => {
  await cluster.client.patch(cronJobs, key, { type: "merge", body: { spec: { ...spec } } });
  await cluster.settle();
};
/** Moves on to this time of the day on which the cluster started. */
const at = async (time: string): Promise<void> => {
  await cluster.clock.advance(Date.parse(`2026-01-01T${time}Z`) - cluster.clock.now());
  await cluster.settle();
};
const made = async (): Promise<string[]> =>
  (await cluster.list(jobs)).map(({ metadata }) => metadata.name).sort();
const nameAt = (time: string, day = "2026-01-01"): string =>
  `tick-${Date.parse(`${day}T${time}Z`) / MINUTE_MS}`;
const status = async (): Promise<NonNullable<CronJob["status"]>> =>
  (await cluster.get(cronJobs, "tick"))?.status ?? {};
const active = async (): Promise<(string | undefined)[]> =>
  ((await status()).active ?? []).map(({ name }) => name);
const reasons = async (): Promise<string[]> => {
  await cluster.settle();
  return (await cluster.list(events))
    .filter(({ involvedObject }) => involvedObject.kind === "CronJob")
    .map(({ reason }) => reason ?? "");
};
/** Ends the pods that run. */
const end = async (phase: "Succeeded" | "Failed"): Promise<void> => {
  const isRunning = ({ status: now, metadata }: Pod): boolean =>
    now?.phase === "Running" && metadata.deletionTimestamp === undefined;
  for (const pod of (await cluster.list(pods)).filter(isRunning))
    await cluster.client.update(
      pods,
      { ...pod, status: { ...pod.status, phase } },
      { subresource: "status" },
    );
  await cluster.settle();
};

describe("a CronJob", () => {
  test("makes a Job named after the minute, each time the schedule comes round", async () => {
    await start();
    await at("00:09:50");
    expect(await made()).toEqual([]);
    await at("00:10:01");
    expect(await made()).toEqual([nameAt("00:10:00")]);
    const [job] = await cluster.list(jobs);
    expect(job?.metadata).toMatchObject({
      labels: { app: "tick" },
      annotations: {
        why: "test",
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T00:10:00Z",
      },
      ownerReferences: [{ kind: "CronJob", name: "tick", controller: true }],
    });
    expect(await status()).toMatchObject({
      lastScheduleTime: "2026-01-01T00:10:00Z",
      active: [{ kind: "Job", name: nameAt("00:10:00"), uid: job?.metadata.uid }],
    });
    await end("Succeeded");
    expect(await active()).toEqual([]);
    expect((await status()).lastSuccessfulTime).toMatch(/^2026-01-01T00:10:/);
    await at("00:20:01");
    expect(await made()).toEqual([nameAt("00:10:00"), nameAt("00:20:00")]);
    expect(await reasons()).toEqual(
      expect.arrayContaining(["SuccessfulCreate", "SawCompletedJob"]),
    );
  });

  test("keeps the newest three that succeeded and one that failed", async () => {
    const jobTemplate = { spec: { ...cronJob().spec?.jobTemplate.spec, backoffLimit: 0 } };
    await start({ jobTemplate: jobTemplate as CronJobSpec["jobTemplate"] });
    for (const minute of ["10", "20", "30", "40", "50"]) {
      await at(`00:${minute}:01`);
      await end(minute === "10" || minute === "30" ? "Failed" : "Succeeded");
    }
    await at("01:00:01");
    await end("Succeeded");
    expect(await made()).toEqual(
      ["00:30:00", "00:40:00", "00:50:00", "01:00:00"].map((time) => nameAt(time)),
    );
  });

  test("starts a second Job beside one that runs, unless it is told not to", async () => {
    await start();
    await at("00:10:01");
    await at("00:20:01");
    expect(await active()).toHaveLength(2);
    await change({ concurrencyPolicy: "Forbid" });
    await at("00:30:01");
    expect(await active()).toHaveLength(2);
    expect(await reasons()).toContain("JobAlreadyActive");
    // What was not started is made up for as soon as there is room, once.
    await at("00:44:00");
    await end("Succeeded");
    expect(await active()).toEqual([nameAt("00:40:00")]);
  });

  test("replaces the Job that runs, pods included", async () => {
    await start({ concurrencyPolicy: "Replace" });
    await at("00:10:01");
    await at("00:20:01");
    expect(await made()).toEqual([nameAt("00:20:00")]);
    expect(await active()).toEqual([nameAt("00:20:00")]);
    expect(await cluster.list(pods)).toHaveLength(1);
  });

  test("makes nothing while suspended, and then only the most recent", async () => {
    await start({ suspend: true });
    await at("00:35:00");
    expect(await made()).toEqual([]);
    await change({ suspend: false });
    expect(await made()).toEqual([nameAt("00:30:00")]);
    expect(await reasons()).not.toContain("TooManyMissedTimes");
  });

  test("does not start what is later than its deadline, but the next in time", async () => {
    await start({ suspend: true, startingDeadlineSeconds: 120 });
    await at("00:35:00");
    await change({ suspend: false });
    expect(await made()).toEqual([]);
    expect(await reasons()).toContain("MissSchedule");
    await at("00:40:01");
    expect(await made()).toEqual([nameAt("00:40:00")]);
  });

  test("warns of more than a hundred missed times, and runs the most recent", async () => {
    await start({ suspend: true, schedule: "* * * * *" });
    await at("01:41:30");
    await change({ suspend: false });
    expect(await made()).toEqual([nameAt("01:41:00")]);
    expect(await reasons()).toContain("TooManyMissedTimes");
  });

  test("does not warn of them when its deadline forgives them", async () => {
    await start({ suspend: true, schedule: "* * * * *", startingDeadlineSeconds: 200 });
    await at("01:41:30");
    await change({ suspend: false });
    expect(await made()).toEqual([nameAt("01:41:00")]);
    expect(await reasons()).not.toContain("TooManyMissedTimes");
  });

  test("runs nothing twice when its status was lost, or tells of the future", async () => {
    await start();
    await at("00:10:01");
    const before = await cluster.list(jobs);
    const { status: _, ...lost } = await cluster.client.get(cronJobs, key);
    await cluster.client.update(cronJobs, { ...lost, status: {} }, { subresource: "status" });
    await cluster.settle();
    expect((await cluster.list(jobs)).map(({ metadata }) => metadata.uid)).toEqual(
      before.map(({ metadata }) => metadata.uid),
    );
    expect(await active()).toEqual([nameAt("00:10:00")]);
    // As after a clock that was ahead has been set right.
    const ahead = { ...(await status()), lastScheduleTime: "2026-01-01T00:40:00Z" };
    const live = await cluster.client.get(cronJobs, key);
    await cluster.client.update(cronJobs, { ...live, status: ahead }, { subresource: "status" });
    await at("00:31:00");
    expect(await made()).toEqual([nameAt("00:10:00")]);
    await at("00:50:01");
    expect(await made()).toEqual([nameAt("00:10:00"), nameAt("00:50:00")]);
  });

  test("counts no time as missed that a new schedule would have had", async () => {
    await start({ schedule: "0 12 * * *" });
    await at("00:31:30");
    await change({ schedule: "*/10 * * * *" });
    expect(await made()).toEqual([]);
    await at("00:40:01");
    expect(await made()).toEqual([nameAt("00:40:00")]);
  });

  test("reads its schedule in its time zone", async () => {
    await start({ schedule: "30 3 * * *", timeZone: "Asia/Kolkata" });
    await cluster.clock.advance(Date.parse("2026-01-01T22:00:01Z") - cluster.clock.now());
    await cluster.settle();
    const [job] = await cluster.list(jobs);
    expect(job?.metadata.name).toBe(nameAt("22:00:00"));
    expect(job?.metadata.annotations).toMatchObject({
      "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-02T03:30:00+05:30",
    });
  });

  test("leaves a Job alone that only has the name", async () => {
    const { spec } = cronJob().spec?.jobTemplate ?? {};
    const foreign: Job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { namespace: "default", name: nameAt("00:10:00") },
      ...(spec === undefined ? {} : { spec }),
    };
    await cluster.client.create(jobs, foreign);
    await start();
    await at("00:10:01");
    expect(await active()).toEqual([]);
    expect(await reasons()).toContain("FailedCreate");
    await at("00:20:01");
    expect(await active()).toEqual([nameAt("00:20:00")]);
  });

  test("takes a Job that somebody made of its template for its history, not for one of its own", async () => {
    await start();
    const owner = await cluster.client.get(cronJobs, key);
    const { spec } = owner.spec?.jobTemplate ?? {};
    await cluster.client.create(jobs, {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        namespace: "default",
        name: "by-hand",
        annotations: { "cronjob.kubernetes.io/instantiate": "manual" },
        ownerReferences: [
          {
            apiVersion: "batch/v1",
            kind: "CronJob",
            name: "tick",
            uid: owner.metadata.uid ?? "",
            controller: true,
          },
        ],
      },
      ...(spec === undefined ? {} : { spec }),
    });
    await cluster.settle();
    expect(await active()).toEqual([]);
    await end("Succeeded");
    expect((await status()).lastSuccessfulTime).toBeDefined();
    await cluster.client.delete(cronJobs, key, { propagationPolicy: "Background" });
    await cluster.settle();
    expect(await made()).toEqual([]);
  });

  test("that never comes round does nothing, and ends", async () => {
    await start({ schedule: "0 0 30 2 *" });
    await at("12:00:00");
    expect(await made()).toEqual([]);
    expect(await status()).toEqual({});
  });

  test("forgets an active Job that somebody deleted", async () => {
    await start();
    await at("00:10:01");
    await cluster.client.delete(jobs, { namespace: "default", name: nameAt("00:10:00") });
    await cluster.settle();
    expect(await active()).toEqual([]);
    expect(await reasons()).toContain("MissingJob");
    expect(await made()).toEqual([]);
  });
});
