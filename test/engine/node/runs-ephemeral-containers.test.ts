import { afterEach, beforeEach, expect, it } from "vitest";
import { isConditionTrue } from "../../../src/kube/conditions.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import type { JsonObject } from "../../../src/kube/object.ts";
import { type FakeHarness, isRunning, serving, settle, startFakeHarness } from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness({ keepPods: true });
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const debug = (...containers: JsonObject[]) =>
  fake.harness.client.patch(
    pods,
    { namespace: "default", name: "web" },
    { type: "strategic", body: { spec: { ephemeralContainers: containers } } },
    { subresource: "ephemeralcontainers" },
  );
const debugger_ = (name: string, command = "serve"): JsonObject => ({
  name,
  image: "x",
  command: [command],
  targetContainerName: "web",
});
const stateOf = ({ status }: Pod, index = 0) => status?.ephemeralContainerStatuses?.[index]?.state;
const runs = (index: number) => (pod: Pod) => stateOf(pod, index)?.running !== undefined;

it("starts what is added to a pod that runs, beside what is there", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await debug(debugger_("one"));
  await fake.harness.until("web", runs(0));
  await debug(debugger_("two"));
  const pod = await fake.harness.until("web", runs(1));
  const statuses = pod.status?.ephemeralContainerStatuses ?? [];
  expect(statuses.map(({ name }) => name).toSorted()).toEqual(["one", "two"]);
  expect(statuses[0]).toMatchObject({ restartCount: 0, image: "x" });
  // Each added container is another generation of the pod, and the status says which it is about.
  expect(pod.status).toMatchObject({ observedGeneration: pod.metadata.generation ?? 0 });
  expect(fake.runtime.journal).toEqual(["start web 0", "start one 0", "start two 0"]);
});

it("does not wait for init containers: it may be there to find out what is wrong with them", async () => {
  await fake.harness.createPod("web", {
    initContainers: [serving("init")],
    containers: [serving("web")],
  });
  await fake.harness.until(
    "web",
    ({ status }) => status?.initContainerStatuses?.[0]?.state?.running !== undefined,
  );
  await debug(debugger_("one"));
  expect((await fake.harness.until("web", runs(0))).status?.phase).toBe("Pending");
});

it("never starts one again, and the pod is neither better nor worse for its end", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await debug(debugger_("one"));
  await fake.harness.until("web", runs(0));
  await fake.runtime.exit("one", 3);
  const pod = await fake.harness.until("web", (found) => stateOf(found)?.terminated !== undefined);
  expect(stateOf(pod)?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
  expect(pod.status?.phase).toBe("Running");
  expect(isConditionTrue(pod.status?.conditions, "Ready")).toBe(true);
  await settle(fake);
  expect(fake.runtime.journal.filter((entry) => entry.startsWith("start one"))).toHaveLength(1);
});

it("takes no part in whether a pod has finished, and ends with it", async () => {
  await fake.harness.createPod("web", { restartPolicy: "Never", containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await debug(debugger_("one"));
  await fake.harness.until("web", runs(0));
  await fake.runtime.exit("web", 0);
  const pod = await fake.harness.until("web", ({ status }) => status?.phase === "Succeeded");
  expect(stateOf(pod)?.terminated?.exitCode).toBe(143);
});

it("an agent that starts again starts none a second time, not even one that vanished", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await debug(debugger_("lives"), debugger_("vanishes"));
  await fake.harness.until("web", (pod) => runs(0)(pod) && runs(1)(pod));
  await fake.harness.stopAgent();
  await fake.runtime.forget("vanishes");
  await fake.harness.startAgent();
  const pod = await fake.harness.until(
    "web",
    (found) => stateOf(found, 1)?.terminated !== undefined,
  );
  expect(stateOf(pod, 0)?.running).toBeDefined();
  expect(stateOf(pod, 1)?.terminated).toMatchObject({
    exitCode: 137,
    reason: "ContainerStatusUnknown",
  });
  expect(fake.runtime.journal.filter((entry) => /start (lives|vanishes)/.test(entry))).toEqual([
    "start lives 0",
    "start vanishes 0",
  ]);
});

it("starts once what it refers to is there", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await debug({
    ...debugger_("one"),
    env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "tools", key: "a" } } }],
  });
  await fake.harness.until(
    "web",
    (pod) => stateOf(pod)?.waiting?.reason === "CreateContainerConfigError",
  );
  await fake.harness.create(configMaps, { metadata: { name: "tools" }, data: { a: "1" } });
  await fake.harness.until("web", runs(0));
  expect(fake.runtime.configOf("one").env.get("A")).toBe("1");
});
