import { expect, test } from "vitest";
import { pods } from "../../src/kube/kinds/pod.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const NODE = "node-1";

describeKubectl("kubectl with PodDisruptionBudgets, cordon and drain", () => {
  const cluster = useCluster();
  const { kubectl, failing } = cluster;
  const labels = { app: "web" };
  const podSpec = (volumes: object[] = []) => ({
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "main", image: "local", command: ["/bin/sleep", "600"] }],
    volumes,
  });
  const workload = (kind: string, name: string, spec: object): object => ({
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: podSpec() },
      ...spec,
    },
  });
  const budget = (spec: object): object => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web" },
    spec: { selector: { matchLabels: labels }, ...spec },
  });
  const running = async (selector: string): Promise<string[]> => {
    const { items } = await cluster.client.list(pods, { labelSelector: selector });
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name);
  };
  const evict = (name: string) => {
    const eviction: KubeObject = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { namespace: "default", name },
    };
    return cluster.client.create<KubeObject>(pods, eviction, { subresource: "eviction" });
  };

  test("budgets: create, get, describe, wait, delete", async () => {
    await cluster.apply(
      workload("Deployment", "web", { replicas: 2 }),
      budget({ minAvailable: 1 }),
    );
    await kubectl("rollout status deployment/web --timeout=60s");
    await kubectl("wait --for=condition=DisruptionAllowed --timeout=30s pdb/web");
    expect(await kubectl("get pdb web --no-headers")).toMatch(/^web +1 +N\/A +1 +\d+s/);
    expect(await kubectl("describe pdb web")).toMatch(
      /Min available: +1[\s\S]*Allowed disruptions: +1[\s\S]*Current: +2[\s\S]*Desired: +1[\s\S]*Total: +2/,
    );
    expect(await failing('patch pdb web --type=merge -p {"spec":{"maxUnavailable":1}}')).toContain(
      "minAvailable and maxUnavailable cannot be both set",
    );
    await kubectl("scale deployment/web --replicas=1");
    await kubectl("wait --for=jsonpath={.status.disruptionsAllowed}=0 --timeout=30s pdb/web");
    expect(await kubectl("get pdb web --no-headers")).toMatch(/^web +1 +N\/A +0 /);
    const [name = ""] = await running("app=web");
    await expect(evict(name)).rejects.toMatchObject({ code: 429 });
    await kubectl("delete pdb web");
    await evict(name);
    await kubectl("delete deployment web --cascade=foreground --wait");
  });

  test("cordon and uncordon", async () => {
    expect(await kubectl(`cordon ${NODE}`)).toContain("cordoned");
    expect(await kubectl(`get node ${NODE} --no-headers`)).toContain("Ready,SchedulingDisabled");
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "late" },
      spec: podSpec(),
    });
    await kubectl(
      "wait --for=jsonpath={.status.conditions[0].reason}=Unschedulable --timeout=30s pod/late",
    );
    expect(await kubectl(`uncordon ${NODE}`)).toContain("uncordoned");
    await kubectl("wait --for=condition=Ready --timeout=30s pod/late");
    await kubectl("delete pod late --wait");
  });

  test("drain says what is in its way, then respects the budget, and spares DaemonSets", async () => {
    await cluster.apply(
      workload("Deployment", "web", { replicas: 1 }),
      workload("DaemonSet", "log", {}),
      { apiVersion: "v1", kind: "Pod", metadata: { name: "alone" }, spec: podSpec() },
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "scratch" },
        spec: podSpec([{ name: "tmp", emptyDir: {} }]),
      },
      budget({ minAvailable: 1 }),
    );
    await kubectl("rollout status deployment/web --timeout=60s");
    await kubectl("rollout status daemonset/log --timeout=60s");
    await kubectl("wait --for=condition=Ready --timeout=30s pod/alone pod/scratch");
    await kubectl("wait --for=jsonpath={.status.currentHealthy}=1 --timeout=30s pdb/web");

    const refusal = await failing(`drain ${NODE}`);
    expect(refusal).toContain("cannot delete DaemonSet-managed Pods");
    expect(refusal).toContain("cannot delete Pods that declare no controller");
    expect(refusal).toContain("cannot delete Pods with local storage");
    const all = "--ignore-daemonsets --delete-emptydir-data --force";
    const dry = await kubectl(`drain ${NODE} ${all} --dry-run=client`);
    expect(dry).toContain("evicting pod default/alone (dry run)");
    expect((await running("")).length).toBe(4);

    // The only pod of `web` may not go while it has no replacement, and there is no other node.
    const held = await cluster.run(
      ["drain", NODE, ...all.split(" "), "--timeout=3s", "--pod-selector=app=web"],
      {},
    );
    expect(held.code).not.toBe(0);
    expect(held.stderr).toContain(
      "Cannot evict pod as it would violate the pod's disruption budget.",
    );
    expect(await running("app=web")).toHaveLength(1);

    await kubectl("delete pdb web");
    const drained = await kubectl(`drain ${NODE} ${all} --timeout=60s`);
    expect(drained).toContain(`node/${NODE} drained`);
    // What a DaemonSet has stays; the Deployment waits for a node.
    expect(await running("app=log")).toHaveLength(1);
    expect(await running("app!=log,app!=web")).toEqual([]);
    const [waiting = ""] = await running("app=web");
    expect(await kubectl(`get pod ${waiting} -o jsonpath={.status.phase}`)).toBe("Pending");
    await kubectl(`uncordon ${NODE}`);
    await kubectl("rollout status deployment/web --timeout=60s");
  });

  test("drain of a server dry run evicts nobody; without eviction it asks no budget", async () => {
    await cluster.apply(budget({ minAvailable: 0 }));
    await kubectl("wait --for=condition=DisruptionAllowed --timeout=30s pdb/web");
    const [before = ""] = await running("app=web");
    const all = "--ignore-daemonsets --delete-emptydir-data --force";
    const dry = await kubectl(`drain ${NODE} ${all} --dry-run=server`);
    expect(dry).toContain(`evicting pod default/${before} (server dry run)`);
    expect(await running("app=web")).toEqual([before]);
    expect(await kubectl(`get node ${NODE} --no-headers`)).not.toContain("SchedulingDisabled");

    await kubectl('patch pdb web --type=merge -p {"spec":{"minAvailable":1}}');
    await kubectl(`drain ${NODE} ${all} --disable-eviction --timeout=60s`);
    expect(await running("app=web")).not.toContain(before);
    await kubectl(`uncordon ${NODE}`);
  });
});
