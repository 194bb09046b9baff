import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import {
  type FakeHarness,
  isRunning,
  serving,
  settle,
  startFakeHarness,
  waitingReason,
} from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const settings = (data: Record<string, string>) => ({ metadata: { name: "settings" }, data });
const update = (data: Record<string, string | null>) =>
  fake.harness.client.patch(
    configMaps,
    { namespace: "default", name: "settings" },
    { type: "merge", body: { data } },
  );
const mounted = (extra = {}) =>
  serving("web", { volumeMounts: [{ name: "v", mountPath: "/etc/web", ...extra }] });
const volumes = [{ name: "v", configMap: { name: "settings" } }];
const hostPath = (index = 0): string => fake.runtime.configOf("web").mounts[index]?.hostPath ?? "";

describe("variables", () => {
  const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "keys", key: "token" } } }];

  it("hold the container until their source is there", async () => {
    await fake.harness.createPod("web", { containers: [serving("web", { env })] });
    const waiting = await fake.harness.until("web", (pod) => waitingReason(pod) !== undefined);
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: "CreateContainerConfigError",
      message: 'secret "keys" not found',
    });
    expect(waiting.status?.phase).toBe("Pending");
    expect((await fake.harness.untilEvent("web", "Failed")).message).toBe(
      'Error: secret "keys" not found',
    );
    await fake.harness.create(secrets, { metadata: { name: "keys" }, data: { other: "" } });
    await fake.harness.until(
      "web",
      (pod) =>
        pod.status?.containerStatuses?.[0]?.state?.waiting?.message ===
        "couldn't find key token in Secret default/keys",
    );
    const body = { data: { token: Buffer.from("s3cret").toString("base64") } };
    await fake.harness.client.patch(
      secrets,
      { namespace: "default", name: "keys" },
      { type: "merge", body },
    );
    await fake.harness.until("web", isRunning);
    expect(fake.runtime.configOf("web").env.get("TOKEN")).toBe("s3cret");
  });

  it("never show secret values in the pod or its events", async () => {
    await fake.harness.create(secrets, {
      metadata: { name: "keys" },
      stringData: { token: "s3cret" },
    });
    await fake.harness.createPod("web", {
      containers: [serving("web", { env, command: ["nothing", "$(TOKEN)"] })],
    });
    await fake.harness.until("web", isRunning);
    const pod = await fake.harness.client.get(pods, { namespace: "default", name: "web" });
    expect(JSON.stringify(pod)).not.toContain("s3cret");
  });
});

describe("volumes", () => {
  it("hold the pod until their source is there", async () => {
    await fake.harness.createPod("web", { containers: [mounted()], volumes });
    const waiting = await fake.harness.until("web", (pod) => waitingReason(pod) !== undefined);
    expect(waitingReason(waiting)).toBe("ContainerCreating");
    expect((await fake.harness.untilEvent("web", "FailedMount")).message).toBe(
      'MountVolume.SetUp failed for volume "v" : configmap "settings" not found',
    );
    await fake.harness.create(configMaps, settings({ a: "1" }));
    await fake.harness.until("web", isRunning);
    expect(await readFile(join(hostPath(), "a"), "utf8")).toBe("1");
  });

  it("follow their source while the pod runs", async () => {
    await fake.harness.create(configMaps, settings({ a: "1", b: "1" }));
    await fake.harness.createPod("web", { containers: [mounted()], volumes });
    await fake.harness.until("web", isRunning);
    const directory = hostPath();
    await update({ a: "2", b: null, c: "2" });
    await vi.waitFor(async () => {
      const names = (await readdir(directory)).filter((name) => !name.startsWith(".."));
      expect(names.sort()).toEqual(["a", "c"]);
      expect(await readFile(join(directory, "a"), "utf8")).toBe("2");
    });
    expect(fake.runtime.journal).toEqual(["start web 0"]);
  });

  it("stay as they are when their source is deleted under a running pod", async () => {
    await fake.harness.create(configMaps, settings({ a: "1" }));
    await fake.harness.createPod("web", { containers: [mounted()], volumes });
    await fake.harness.until("web", isRunning);
    await fake.harness.client.delete(configMaps, { namespace: "default", name: "settings" });
    await fake.harness.untilEvent("web", "FailedMount");
    await settle(fake);
    expect(fake.runtime.isRunning("web")).toBe(true);
    expect(await readFile(join(hostPath(), "a"), "utf8")).toBe("1");
    await fake.runtime.exit("web", 1);
    await fake.harness.until(
      "web",
      (pod) => isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
    );
  });

  it("show the pod's labels as they change", async () => {
    const items = [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }];
    const downward = [{ name: "v", downwardAPI: { items } }];
    await fake.harness.createPod(
      "web",
      { containers: [mounted()], volumes: downward },
      { labels: { v: "1" } },
    );
    await fake.harness.until("web", isRunning);
    const body = { metadata: { labels: { v: "2" } } };
    await fake.harness.client.patch(
      pods,
      { namespace: "default", name: "web" },
      { type: "merge", body },
    );
    await vi.waitFor(async () =>
      expect(await readFile(join(hostPath(), "labels"), "utf8")).toBe('v="2"'),
    );
  });

  it("mounted by sub-path do not follow, until the container restarts", async () => {
    await fake.harness.create(configMaps, settings({ a: "1" }));
    await fake.harness.createPod("web", { containers: [mounted({ subPath: "a" })], volumes });
    await fake.harness.until("web", isRunning);
    await update({ a: "2" });
    await vi.waitFor(async () => {
      const [{ directory }] = await sandboxes();
      expect(await readFile(join(directory, "volumes/v/a"), "utf8")).toBe("2");
    });
    expect(await readFile(hostPath(), "utf8")).toBe("1");
    await fake.runtime.exit("web", 1);
    await fake.harness.until(
      "web",
      (pod) => isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(await readFile(hostPath(), "utf8")).toBe("2");
  });

  it("of other kinds are refused with what can be used instead", async () => {
    const remote = [{ name: "v", nfs: { server: "files", path: "/" } }];
    await fake.harness.createPod("web", { containers: [mounted()], volumes: remote });
    expect((await fake.harness.untilEvent("web", "FailedMount")).message).toMatch(
      /volumes of type nfs are not supported.*use configMap/,
    );
  });
});

const sandboxes = async (): Promise<[{ directory: string }]> => {
  const [sandbox] = await fake.runtime.listSandboxes();
  if (sandbox === undefined) throw new Error("no sandbox");
  return [sandbox];
};
