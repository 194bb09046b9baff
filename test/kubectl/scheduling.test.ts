/** What users of kubectl see of the scheduler: classes, gates, reasons, preemption, spreading. */
import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const cluster = useCluster();
const { kubectl, failing } = cluster;

const SIMULATED = "simulation.gantry.dev/node";
const node = (name: string, zone: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    labels: { sim: "yes", "topology.kubernetes.io/zone": zone },
    annotations: { [SIMULATED]: "true", "simulation.gantry.dev/capacity": "cpu=4,memory=8Gi" },
  },
  spec: { taints: [{ key: "simulated", effect: "NoSchedule" }] },
});
const onSimulated = {
  nodeSelector: { sim: "yes" },
  tolerations: [{ key: "simulated", operator: "Exists" }],
};
const pod = (name: string, spec: object = {}, cpu = "1", labels = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels },
  spec: {
    ...onSimulated,
    containers: [{ name: "app", image: "nothing:1", resources: { requests: { cpu } } }],
    ...spec,
  },
});
const priorityClass = (name: string, value: number, rest = {}) => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  ...rest,
});
const isReady = (name: string) => kubectl(`wait --for=condition=Ready pod/${name} --timeout=20s`);
const isUnschedulable = (name: string) =>
  kubectl(`wait --for=condition=PodScheduled=False pod/${name} --timeout=20s`);

describeKubectl("scheduling", () => {
  test("priority classes are listed, guarded and unique as default", async () => {
    expect(await kubectl("get priorityclasses")).toMatch(
      /NAME\s+VALUE\s+GLOBAL-DEFAULT\s+AGE\s+PREEMPTIONPOLICY\nsystem-cluster-critical\s+2000000000\s+false\s+\S+\s+PreemptLowerPriority\n/,
    );
    await cluster.apply(priorityClass("high", 1000, { description: "for what must run" }));
    expect(await kubectl("describe pc high")).toMatch(/Value:\s+1000\n/);
    expect(await failing("delete pc system-node-critical")).toContain("cannot be deleted");
    expect(await failing('patch pc high -p {"value":5}')).toContain(
      "value: Forbidden: may not be changed in an update.",
    );
    await kubectl("create priorityclass made --value=5 --preemption-policy=Never");
    expect(await kubectl("get pc made -o jsonpath={.value},{.preemptionPolicy}")).toBe("5,Never");
    await cluster.apply(priorityClass("usual", 7, { globalDefault: true }));
    const another = JSON.stringify(priorityClass("another", 8, { globalDefault: true }));
    expect(await failing("apply -f -", another)).toContain(
      "PriorityClass usual is already marked as default",
    );
    await kubectl("delete pc usual");
  });

  test("a gated pod says so until its gates are gone", async () => {
    await cluster.apply(node("sim-a", "a"));
    await kubectl("wait --for=condition=Ready node/sim-a --timeout=20s");
    await cluster.apply(pod("gated", { schedulingGates: [{ name: "example.com/go" }] }));
    expect(await kubectl("get pod gated")).toMatch(/gated\s+0\/1\s+SchedulingGated\s+0/);
    await cluster.run([
      "patch",
      "pod",
      "gated",
      "--type=json",
      "-p",
      '[{"op":"remove","path":"/spec/schedulingGates"}]',
    ]);
    await isReady("gated");
    expect(await kubectl("get pod gated -o wide")).toContain("sim-a");
    await kubectl("delete pod gated --now");
  });

  test("why a pod does not fit is told for each node", async () => {
    await cluster.apply(pod("huge", {}, "64"));
    await isUnschedulable("huge");
    const described = await kubectl("describe pod huge");
    expect(described).toMatch(/Warning\s+FailedScheduling\s+\S+\s+default-scheduler/);
    expect(described).toContain(
      "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    );
    expect(described).toContain("sim-a: Insufficient cpu (64 requested, 4 of 4 free)");
    expect(described).toContain("node-1: node(s) didn't match Pod's node affinity/selector");
    await kubectl("delete pod huge");
  });

  test("a more important pod takes the place of a less important one", async () => {
    await cluster.apply(pod("low", { terminationGracePeriodSeconds: 1 }, "3"));
    await isReady("low");
    await cluster.apply(pod("important", { priorityClassName: "high" }, "3"));
    await isReady("important");
    const events = await kubectl("get events --field-selector reason=Preempted");
    expect(events).toMatch(/Preempted\s+pod\/low\s+Preempted by pod \S+ on node sim-a/);
    expect(await failing("get pod low")).toContain("NotFound");
    await kubectl("delete pod important --now");
  });

  test("replicas spread over zones", async () => {
    await cluster.apply(node("sim-b", "b"), node("sim-c", "c"));
    await kubectl("wait --for=condition=Ready node/sim-b node/sim-c --timeout=20s");
    const labels = { app: "spread" };
    await cluster.apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "spread" },
      spec: {
        replicas: 6,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            ...onSimulated,
            containers: [{ name: "app", image: "nothing:1" }],
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: "topology.kubernetes.io/zone",
                whenUnsatisfiable: "DoNotSchedule",
                labelSelector: { matchLabels: labels },
                matchLabelKeys: ["pod-template-hash"],
              },
            ],
          },
        },
      },
    });
    await kubectl("rollout status deployment/spread --timeout=30s");
    const names = await kubectl("get pods -l app=spread -o jsonpath={.items[*].spec.nodeName}");
    expect(names.split(" ").sort()).toEqual(["sim-a", "sim-a", "sim-b", "sim-b", "sim-c", "sim-c"]);
  });
});
