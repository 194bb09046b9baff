import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountPointsBelow } from "../../../src/engine/node/volumes/mount-table.ts";
import { mountTmpfs, unmountBelow } from "../../../src/engine/node/volumes/tmpfs.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await unmountBelow(fake.harness.directory);
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const isRoot = process.getuid?.() === 0;
type Volumes = NonNullable<NonNullable<Pod["spec"]>["volumes"]>;
const mounting = (source: Omit<Volumes[number], "name">, spec: object = {}) => ({
  containers: [serving("web", { volumeMounts: [{ name: "v", mountPath: "/v" }] })],
  volumes: [{ name: "v", ...source }],
  ...spec,
});
const hostPath = (): string => fake.runtime.configOf("web").mounts[0]?.hostPath ?? "";

describe("an emptyDir", () => {
  it("is open to every user of the pod", async () => {
    await fake.harness.createPod("web", mounting({ emptyDir: {} }));
    await fake.harness.until("web", isRunning);
    expect((await stat(hostPath())).mode & 0o7777).toBe(0o777);
  });

  it("that holds more than its limit ends the pod, at once and with upstream's words", async () => {
    await fake.harness.createPod("web", mounting({ emptyDir: { sizeLimit: "64Ki" } }));
    await fake.harness.until("web", isRunning);
    await writeFile(join(hostPath(), "small"), Buffer.alloc(16 * 1024, 1));
    await pass(fake, 30_000, 10_000);
    expect(fake.runtime.isRunning("web")).toBe(true);
    await writeFile(join(hostPath(), "large"), Buffer.alloc(256 * 1024, 1));
    await expect
      .poll(
        async () => {
          await pass(fake, 10_000);
          const key = { namespace: "default", name: "web" };
          return (await fake.harness.client.get(pods, key)).status?.phase;
        },
        { timeout: 4_000 },
      )
      .toBe("Failed");
    const message = 'Usage of EmptyDir volume "v" exceeds the limit "64Ki". ';
    const evicted = await fake.harness.until("web", (pod) => pod.status?.phase === "Failed");
    expect(evicted.status).toMatchObject({ reason: "Evicted", message });
    expect((await fake.harness.untilEvent("web", "Evicted")).message).toBe(message);
    expect(fake.runtime.isRunning("web")).toBe(false);
  });

  it("without a limit is not measured: an idle pod has nothing to wake for", async () => {
    await fake.harness.createPod("web", mounting({ emptyDir: {} }));
    await fake.harness.until("web", isRunning);
    await settle(fake);
    const before = fake.clock.pending;
    await fake.harness.createPod("api", {
      ...mounting({ emptyDir: { sizeLimit: "1Mi" } }),
      containers: [serving("api", { volumeMounts: [{ name: "v", mountPath: "/v" }] })],
    });
    await fake.harness.until("api", isRunning);
    await settle(fake);
    expect(fake.clock.pending).toBe(before + 1);
  });

  it.runIf(isRoot && process.platform === "linux")(
    "of medium Memory is memory, as large as its limit, and gone with the pod",
    async (context) => {
      const probe = join(fake.harness.directory, "probe");
      await mkdir(probe);
      if (!(await mountTmpfs(probe, 4096))) context.skip("root may not mount here");
      await unmountBelow(probe);
      const source = { emptyDir: { medium: "Memory", sizeLimit: "1Mi" } };
      await fake.harness.createPod("web", mounting(source));
      await fake.harness.until("web", isRunning);
      const path = hostPath();
      expect(await mountPointsBelow(path)).toEqual([{ path, type: "tmpfs" }]);
      expect((await stat(path)).mode & 0o777).toBe(0o777);
      await expect(writeFile(join(path, "x"), Buffer.alloc(2 << 20, 1))).rejects.toThrow("ENOSPC");
      await fake.harness.stopAgent();
      await fake.harness.startAgent();
      await settle(fake);
      expect(await mountPointsBelow(path)).toHaveLength(1);
      await fake.harness.deletePod("web", 1);
      await fake.harness.untilGone("web");
      expect(await mountPointsBelow(fake.harness.directory)).toEqual([]);
      expect(existsSync(path)).toBe(false);
    },
  );
});

it.runIf(isRoot && process.platform === "linux")(
  "what is mounted is found by any name of its directory",
  async (context) => {
    const real = join(fake.harness.directory, "real");
    await mkdir(join(real, "inner"), { recursive: true });
    await symlink(real, join(fake.harness.directory, "link"));
    const linked = join(fake.harness.directory, "link");
    if (!(await mountTmpfs(join(linked, "inner"), 4096))) context.skip("root may not mount here");
    expect(await mountTmpfs(join(linked, "inner"), 4096)).toBe(true);
    expect(await mountPointsBelow(linked)).toEqual([{ path: join(real, "inner"), type: "tmpfs" }]);
    await unmountBelow(linked);
    expect(await mountPointsBelow(real)).toEqual([]);
  },
);

describe("what is deleted with a pod", () => {
  it("is not what a link of it leads to", async () => {
    const outside = join(fake.harness.directory, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "kept"), "kept");
    await fake.harness.createPod("web", mounting({ emptyDir: {} }));
    await fake.harness.until("web", isRunning);
    await symlink(outside, join(hostPath(), "link"));
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
    expect(await readFile(join(outside, "kept"), "utf8")).toBe("kept");
  });
});

it("a hostPath that the operator does not allow keeps the pod from starting, and says why", async () => {
  await fake.harness.close();
  fake = await startFakeHarness({ hostPaths: { allowedPrefixes: ["/srv/shared"] } });
  await fake.harness.createPod("web", mounting({ hostPath: { path: "/etc" } }));
  expect((await fake.harness.untilEvent("web", "FailedMount")).message).toBe(
    'MountVolume.SetUp failed for volume "v" : hostPath /etc may not be mounted on this node: only what is below /srv/shared is allowed (--host-path-prefix)',
  );
  await pass(fake, 5_000);
  expect(fake.runtime.isRunning("web")).toBe(false);
});

describe("fsGroup", () => {
  const securityContext = { fsGroup: 4321 };

  it.runIf(isRoot)("owns emptyDirs, and may read what is written for the pod", async () => {
    await fake.harness.create(configMaps, { metadata: { name: "settings" }, data: { a: "1" } });
    await fake.harness.createPod("web", {
      ...mounting({ configMap: { name: "settings", defaultMode: 0o400 } }, { securityContext }),
      volumes: [
        { name: "v", configMap: { name: "settings", defaultMode: 0o400 } },
        { name: "scratch", emptyDir: {} },
      ],
    });
    await fake.harness.until("web", isRunning);
    const file = await stat(join(hostPath(), "a"));
    expect([file.gid, (file.mode & 0o777).toString(8)]).toEqual([4321, "440"]);
    const scratch = await stat(join(hostPath(), "../scratch"));
    expect([scratch.gid, (scratch.mode & 0o7777).toString(8)]).toEqual([4321, "2777"]);
    expect(fake.runtime.configOf("web").user).toEqual({ gid: 4321 });
  });
});

describe("downward API volumes", () => {
  it("follow the pod's labels and annotations", async () => {
    const items = [
      { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
      { path: "note", fieldRef: { fieldPath: "metadata.annotations['note']" } },
    ];
    await fake.harness.createPod("web", mounting({ downwardAPI: { items } }), {
      labels: { app: "web" },
      annotations: { note: "one" },
    });
    await fake.harness.until("web", isRunning);
    const read = (name: string): Promise<string> => readFile(join(hostPath(), name), "utf8");
    expect(await read("labels")).toBe('app="web"');
    const metadata = { labels: { tier: "front" }, annotations: { note: "two" } };
    await fake.harness.client.patch(
      pods,
      { namespace: "default", name: "web" },
      { type: "merge", body: { metadata } },
    );
    await expect.poll(() => read("labels")).toBe('app="web"\ntier="front"');
    expect(await read("note")).toBe("two");
  });
});
