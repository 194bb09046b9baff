import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configMap, deployment, pod } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

describeKubectl("kubectl delete", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;
  const gone = (what: string): Promise<string> =>
    kubectl(`wait --for=delete ${what} --timeout=20s`);

  test("by name, by manifest, by selector, all of a kind", async () => {
    const objects = ["a", "b", "c", "d"].map((name) => configMap(name, {}, { some: "yes" }));
    await cluster.apply(...objects);
    expect(await kubectl("delete cm a")).toContain('configmap "a" deleted');
    expect(await kubectl("delete -f -", manifest(configMap("b")))).toContain(
      'configmap "b" deleted',
    );
    expect(await cluster.failing("delete cm a")).toContain('configmaps "a" not found');
    expect(await kubectl("delete cm a --ignore-not-found")).toBe("");
    expect(await kubectl("delete cm c --dry-run=server")).toMatch(/deleted.* \(server dry run\)/);
    expect((await kubectl("delete cm -l some=yes")).split("\n")).toHaveLength(3);
    await cluster.apply(...objects);
    await kubectl("delete cm --all");
    expect(await kubectl("get cm -l some=yes -o name")).toBe("");
  });

  test("waits until a pod has stopped", async () => {
    await cluster.apply(pod("stopping"));
    await kubectl("wait --for=condition=Ready pod/stopping --timeout=20s");
    expect(await kubectl("delete pod stopping --wait=true")).toContain('pod "stopping" deleted');
    expect(await cluster.failing("get pod stopping")).toContain("not found");
  });

  test("--wait=false comes back at once, --grace-period=0 --force does not wait for the program", async () => {
    const pidFile = join(cluster.home, "stubborn.pid");
    const stubborn = {
      command: ["sh", "-c", `echo $$$$ >${pidFile}; trap : TERM; while :; do sleep 0.1; done`],
    };
    await cluster.apply(
      pod("stubborn", { container: stubborn, spec: { terminationGracePeriodSeconds: 600 } }),
    );
    await kubectl("wait --for=condition=Ready pod/stubborn --timeout=20s");
    await kubectl("delete pod stubborn --wait=false");
    expect(await kubectl("get pod stubborn --no-headers")).toContain("Terminating");
    expect(await kubectl("delete pod stubborn --grace-period=0 --force")).toContain(
      "force deleted",
    );
    expect(await cluster.failing("get pod stubborn")).toContain("not found");
    const pid = Number(await readFile(pidFile, "utf8"));
    // Nobody has to wait for it, but it is not to stay either.
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  test("--cascade=background, foreground and orphan", async () => {
    await cluster.apply(deployment("back", 1), deployment("fore", 1), deployment("keep", 1));
    for (const name of ["back", "fore", "keep"])
      await kubectl(`wait --for=condition=Available deployment/${name} --timeout=20s`);
    await kubectl("delete deployment back");
    await gone("replicaset,pod -l app=back");
    await kubectl("delete deployment fore --cascade=foreground");
    // Foreground: when the owner is gone, so is all that it owned.
    expect(await kubectl("get replicasets,pods -l app=fore -o name")).toBe("");
    await kubectl("delete deployment keep --cascade=orphan");
    expect(
      await kubectl("get replicasets -l app=keep -o jsonpath={.items[*].metadata.ownerReferences}"),
    ).toBe("");
    expect((await kubectl("get pods -l app=keep --no-headers")).trim().split("\n")).toHaveLength(1);
    await kubectl("delete replicaset -l app=keep");
    await gone("pod -l app=keep");
  });

  test("a namespace, with what is in it", async () => {
    await cluster.apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "going" } },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "inside", namespace: "going" } },
    );
    expect(await kubectl("delete namespace going")).toContain('namespace "going" deleted');
    expect(await cluster.failing("get namespace going")).toContain("not found");
    expect(await kubectl("get cm -n going -o name")).toBe("");
  });
});
