import type { JobSpec } from "kubernetes-types/batch/v1";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Job, jobs } from "../../../src/kube/kinds/job.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const job = (spec: Partial<JobSpec> = {}): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { namespace: "default", name: "work" },
  spec: {
    template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "v1" }] } },
    ...spec,
  },
});
const start = async (spec: Partial<JobSpec> = {}): Promise<void> => {
  await cluster.client.create(jobs, job(spec));
  await cluster.settle();
};
const status = async (): Promise<NonNullable<Job["status"]>> =>
  (await cluster.get(jobs, "work"))?.status ?? {};
const all = async (): Promise<readonly Pod[]> => cluster.list(pods);
const running = async (): Promise<Pod[]> =>
  (await all()).filter(
    ({ metadata, status: it }) =>
      it?.phase === "Running" && metadata.deletionTimestamp === undefined,
  );
const indexesOf = (list: readonly Pod[]): string[] =>
  list
    .map(({ metadata }) => metadata.annotations?.["batch.kubernetes.io/job-completion-index"] ?? "")
    .sort();
const isTrue = async (type: string): Promise<string | undefined> =>
  (await status()).conditions?.find((one) => one.type === type && one.status === "True")?.reason;

const end = async (pod: Pod, exitCode: number): Promise<void> => {
  const finishedAt = new Date(cluster.clock.now()).toISOString();
  const state = { terminated: { exitCode, finishedAt } };
  const containerStatuses = [
    { name: "app", ready: false, restartCount: 0, image: "v1", imageID: "", state },
  ];
  const live = await cluster.client.get(pods, { namespace: "default", name: pod.metadata.name });
  await cluster.client.update(
    pods,
    {
      ...live,
      status: { ...live.status, phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses },
    },
    { subresource: "status" },
  );
};
const endAll = async (exitCode: number): Promise<void> => {
  for (const pod of await running()) await end(pod, exitCode);
  await cluster.settle();
};
/** Past the back-off of one failure. */
const wait = async (seconds: number): Promise<void> => {
  await cluster.clock.advance(seconds * 1_000);
  await cluster.settle();
};

describe("a Job", () => {
  test("runs one pod by default, and is complete when it succeeded", async () => {
    await start();
    const [pod] = await running();
    expect(pod?.metadata).toMatchObject({
      generateName: "work-",
      finalizers: ["batch.kubernetes.io/job-tracking"],
      labels: { "job-name": "work", "batch.kubernetes.io/job-name": "work" },
    });
    expect(await status()).toMatchObject({ active: 1, ready: 1, uncountedTerminatedPods: {} });
    await endAll(0);
    expect(await status()).toMatchObject({
      succeeded: 1,
      terminating: 0,
      uncountedTerminatedPods: {},
    });
    expect((await status()).active).toBeUndefined();
    expect((await status()).completionTime).toBeDefined();
    expect(await isTrue("SuccessCriteriaMet")).toBe("CompletionsReached");
    expect(await isTrue("Complete")).toBe("CompletionsReached");
    // The pod stays, for its logs, and is no longer held.
    expect((await all()).map(({ metadata }) => metadata.finalizers ?? [])).toEqual([[]]);
  });

  test("keeps parallelism pods going until there are enough completions", async () => {
    await start({ completions: 5, parallelism: 2 });
    for (const expected of [2, 2, 1]) {
      expect(await running()).toHaveLength(expected);
      await endAll(0);
    }
    expect(await status()).toMatchObject({ succeeded: 5 });
    expect(await isTrue("Complete")).toBeDefined();
  });

  test("without completions begins nothing new after the first success", async () => {
    await start({ parallelism: 3 });
    const [first, ...others] = await running();
    if (first !== undefined) await end(first, 0);
    await cluster.settle();
    expect(await running()).toHaveLength(2);
    expect(await isTrue("Complete")).toBeUndefined();
    for (const pod of others) await end(pod, 1);
    await cluster.settle();
    expect(await isTrue("Complete")).toBeDefined();
    expect(await status()).toMatchObject({ succeeded: 1, failed: 2 });
  });

  test("waits 10, 20, … seconds after failures, and gives up at the limit", async () => {
    await start({ backoffLimit: 2 });
    await endAll(1);
    await wait(5);
    expect(await running()).toHaveLength(0);
    await wait(5);
    expect(await running()).toHaveLength(1);
    await endAll(1);
    await wait(14);
    expect(await running()).toHaveLength(0);
    await wait(5);
    await endAll(1);
    expect(await isTrue("FailureTarget")).toBe("BackoffLimitExceeded");
    expect(await isTrue("Failed")).toBe("BackoffLimitExceeded");
    expect(await status()).toMatchObject({ failed: 3 });
    const told = (await cluster.list(events)).filter(
      ({ reason }) => reason === "BackoffLimitExceeded",
    );
    expect(told).toHaveLength(1);
  });

  test("ends when its deadline passes, pods included", async () => {
    await start({ activeDeadlineSeconds: 30, parallelism: 2, completions: 2 });
    await wait(31);
    expect(await running()).toHaveLength(0);
    expect(await isTrue("Failed")).toBe("DeadlineExceeded");
  });

  test("is deleted after its time to live, with its pods", async () => {
    await start({ ttlSecondsAfterFinished: 60 });
    await endAll(0);
    await wait(50);
    expect(await cluster.get(jobs, "work")).toBeDefined();
    await wait(15);
    expect(await cluster.get(jobs, "work")).toBeUndefined();
    expect(await all()).toEqual([]);
  });

  test("leaves no pod behind when it is deleted while they run", async () => {
    await start({ parallelism: 3, completions: 3 });
    await cluster.client.delete(
      jobs,
      { namespace: "default", name: "work" },
      { propagationPolicy: "Background" },
    );
    await cluster.settle();
    expect(await all()).toEqual([]);
  });

  test("suspended, has no pods; resumed, starts anew and counts no failure", async () => {
    await start({ parallelism: 2, completions: 2 });
    const suspend = (value: boolean) =>
      cluster.client.patch(
        jobs,
        { namespace: "default", name: "work" },
        { type: "merge", body: { spec: { suspend: value } } },
      );
    await suspend(true);
    await cluster.settle();
    expect(await all()).toEqual([]);
    expect(await isTrue("Suspended")).toBe("JobSuspended");
    expect((await status()).startTime).toBeUndefined();
    await suspend(false);
    await cluster.settle();
    expect(await running()).toHaveLength(2);
    await endAll(0);
    expect(await isTrue("Complete")).toBeDefined();
    expect((await status()).failed).toBeUndefined();
  });

  test("replaces a pod that was deleted from under it, and counts it as failed", async () => {
    await start({ backoffLimit: 3 });
    const [pod] = await running();
    await cluster.client.delete(pods, { namespace: "default", name: pod?.metadata.name ?? "" });
    await cluster.settle();
    await wait(11);
    expect(await status()).toMatchObject({ failed: 1, active: 1 });
  });
});

describe("an indexed Job", () => {
  test("has one pod for each index, lowest first, told its index in three ways", async () => {
    await start({ completionMode: "Indexed", completions: 4, parallelism: 2 });
    const list = await running();
    expect(indexesOf(list)).toEqual(["0", "1"]);
    const [zero] = list.filter(({ metadata }) => metadata.name.startsWith("work-0-"));
    expect(zero?.spec?.hostname).toBe("work-0");
    expect(zero?.metadata.labels?.["batch.kubernetes.io/job-completion-index"]).toBe("0");
    expect(zero?.spec?.containers[0]?.env?.[0]).toMatchObject({ name: "JOB_COMPLETION_INDEX" });
    await endAll(0);
    expect((await status()).completedIndexes).toBe("0,1");
    await endAll(0);
    expect(await status()).toMatchObject({ completedIndexes: "0-3", succeeded: 4 });
    expect(await isTrue("Complete")).toBeDefined();
  });

  test("with a limit for each index goes on with the others", async () => {
    await start({
      completionMode: "Indexed",
      completions: 3,
      parallelism: 3,
      backoffLimitPerIndex: 1,
    });
    for (let round = 0; round < 2; round++) {
      for (const pod of await running()) await end(pod, indexesOf([pod])[0] === "1" ? 1 : 0);
      await cluster.settle();
      await wait(11);
    }
    expect(await status()).toMatchObject({
      completedIndexes: "0,2",
      failedIndexes: "1",
      failed: 2,
    });
    expect(await isTrue("Failed")).toBe("FailedIndexes");
  });

  test("succeeds early when its success policy is met, and ends the rest", async () => {
    await start({
      completionMode: "Indexed",
      completions: 4,
      parallelism: 4,
      successPolicy: { rules: [{ succeededIndexes: "0-1", succeededCount: 1 }] },
    });
    const [, one] = await running().then((list) =>
      list.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name)),
    );
    if (one !== undefined) await end(one, 0);
    await cluster.settle();
    expect(await isTrue("Complete")).toBe("SuccessPolicy");
    expect(await running()).toEqual([]);
  });
});

describe("a pod failure policy", () => {
  const policy = {
    rules: [
      { action: "FailJob", onExitCodes: { operator: "In", values: [42] } },
      { action: "Ignore", onExitCodes: { containerName: "app", operator: "In", values: [7] } },
    ],
  };

  test("fails the whole Job at once", async () => {
    await start({ podFailurePolicy: policy, parallelism: 2, completions: 2 });
    const [first] = await running();
    if (first !== undefined) await end(first, 42);
    await cluster.settle();
    expect(await isTrue("Failed")).toBe("PodFailurePolicy");
    expect((await status()).conditions?.at(-1)?.message).toMatch(
      /Container app for pod default\/work-\w+ failed with exit code 42 matching FailJob rule at index 0/,
    );
    expect(await running()).toEqual([]);
  });

  test("ignores failures that are not to count", async () => {
    await start({ podFailurePolicy: policy, backoffLimit: 0 });
    await endAll(7);
    await wait(11);
    expect(await running()).toHaveLength(1);
    expect((await status()).failed).toBeUndefined();
    await endAll(0);
    expect(await isTrue("Complete")).toBeDefined();
  });
});

describe("the API server", () => {
  const refused = async (spec: Partial<JobSpec>, message: RegExp): Promise<void> => {
    await expect(cluster.client.create(jobs, job(spec))).rejects.toThrow(message);
  };
  test.each<[string, Partial<JobSpec>, RegExp]>([
    [
      "Always as restart policy",
      { template: { spec: { containers: [{ name: "a", image: "b" }] } } },
      /restartPolicy: Required value: valid values: "OnFailure", "Never"/,
    ],
    [
      "a selector of one's own",
      { selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "x", app: "y" } } },
      /does not match|auto-generated/,
    ],
    [
      "Indexed without completions",
      { completionMode: "Indexed", parallelism: 1 },
      /completions: Required value/,
    ],
    [
      "negative numbers",
      { parallelism: -1 },
      /parallelism: Invalid value: -1: must be greater than or equal to 0/,
    ],
    [
      "a success policy without indexes",
      { successPolicy: { rules: [{ succeededCount: 1 }] } },
      /successPolicy/,
    ],
    [
      "exit code 0 in a failure policy",
      {
        podFailurePolicy: {
          rules: [{ action: "Ignore", onExitCodes: { operator: "In", values: [0] } }],
        },
      },
      /must not be 0/,
    ],
  ])("refuses %s", async (_what, spec, message) => {
    await refused(spec, message);
  });

  test("keeps template and completions as they are", async () => {
    await start({ completions: 2 });
    const change = (spec: object) =>
      cluster.client.patch(
        jobs,
        { namespace: "default", name: "work" },
        { type: "merge", body: { spec: { ...spec } } },
      );
    await expect(change({ completions: 3 })).rejects.toThrow(/field is immutable/);
    await expect(change({ template: { metadata: { labels: { a: "b" } } } })).rejects.toThrow(
      /field is immutable/,
    );
    await change({ parallelism: 2, backoffLimit: 1 });
  });
});
