/** Restart policies of single containers, and their rules by exit code. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { type FakeHarness, isRunning, serving, settle, startFakeHarness } from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const retriable = {
  restartPolicy: "Never",
  restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
};
const starts = (name: string) =>
  fake.runtime.journal.filter((entry) => entry.startsWith(`start ${name} `)).length;

it("runs a container again for the exit code that its rule names, whatever the pod says", async () => {
  await fake.harness.createPod("job", {
    restartPolicy: "Never",
    containers: [serving("main", retriable)],
  });
  await fake.harness.until("job", isRunning);
  await fake.runtime.exit("main", 42);
  await fake.harness.until(
    "job",
    ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
  );
  await fake.runtime.exit("main", 1);
  const pod = await fake.harness.until("job", ({ status }) => status?.phase === "Failed");
  expect(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(1);
  expect(starts("main")).toBe(2);
});

it("lets one container end for good while the others go on", async () => {
  await fake.harness.createPod("web", {
    containers: [serving("web"), serving("once", { restartPolicy: "Never" })],
  });
  await fake.harness.until("web", isRunning);
  await fake.runtime.exit("once", 1);
  await fake.harness.until(
    "web",
    ({ status }) => status?.containerStatuses?.[1]?.state?.terminated !== undefined,
  );
  await settle(fake);
  expect(starts("once")).toBe(1);
  await fake.runtime.exit("web", 0);
  const pod = await fake.harness.until(
    "web",
    ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
  );
  expect(pod.status?.phase).toBe("Running");
});

it("fails the pod by an init container that may not run again, though the pod's others may", async () => {
  await fake.harness.createPod("web", {
    initContainers: [serving("init", { restartPolicy: "Never" })],
    containers: [serving("web")],
  });
  await fake.harness.until(
    "web",
    ({ status }) => status?.initContainerStatuses?.[0]?.state?.running !== undefined,
  );
  await fake.runtime.exit("init", 1);
  await fake.harness.until("web", ({ status }) => status?.phase === "Failed");
  expect(starts("web")).toBe(0);
});
