/**
 * Random clusters in which pods come, go, are relabelled and begin to terminate: after each change
 * the scheduler, with all its counters, says the same as an implementation that looks at everything.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import { rejectionOn } from "../../../src/engine/scheduler/pick-node.ts";
import type { Node } from "../../../src/kube/kinds/node.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { cycleOf, plugins } from "./cluster-fixtures.ts";
import { naiveRejection, type World } from "./naive-scheduler.ts";

type PodSpec = NonNullable<Pod["spec"]>;
const NAMESPACES = { a: { team: "x" }, b: { team: "y" }, c: {} };
const some = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Without the fields that are undefined, as JSON is. */
const json = <T extends object>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const label = some("1", "2", "3");
const podLabels = fc.record({ app: label, tier: label }, { requiredKeys: [] });
const expression = (key: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.record({
      key,
      operator: some("In", "NotIn"),
      values: fc.uniqueArray(label, { minLength: 1, maxLength: 2 }),
    }),
    fc.record({ key, operator: some("Exists", "DoesNotExist") }),
  );
const selector = maybe(
  fc.record(
    {
      matchLabels: podLabels,
      matchExpressions: fc.array(expression(some("app", "tier")), { maxLength: 1 }),
    },
    { requiredKeys: [] },
  ),
);
const topologyKey = some("zone", "host", "rack");
const keys = fc.uniqueArray(some("app", "tier", "none"), { maxLength: 2 });

const podTerm = fc.record(
  {
    topologyKey,
    labelSelector: selector,
    namespaces: fc.uniqueArray(some("a", "b"), { maxLength: 2 }),
    namespaceSelector: some({}, { matchLabels: { team: "x" } }),
    matchLabelKeys: keys,
    mismatchLabelKeys: keys,
  },
  { requiredKeys: ["topologyKey"] },
);
const podTerms = fc.record(
  { requiredDuringSchedulingIgnoredDuringExecution: fc.array(podTerm, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const nodeTerm = fc.record(
  {
    matchExpressions: fc.array(
      fc.oneof(
        expression(some("zone", "rack")),
        fc.record({
          key: some("size"),
          operator: some("Gt", "Lt"),
          values: fc.tuple(some("2", "4")),
        }),
      ),
      { maxLength: 2 },
    ),
    matchFields: fc.array(
      fc.record({
        key: some("metadata.name"),
        operator: some("In", "NotIn"),
        values: fc.tuple(some("n0", "n1")),
      }),
      { maxLength: 1 },
    ),
  },
  { requiredKeys: [] },
);
const constraint = fc.record(
  {
    topologyKey,
    maxSkew: some(1, 2),
    whenUnsatisfiable: some("DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"),
    labelSelector: selector,
    minDomains: some(1, 2, 4),
    matchLabelKeys: keys,
    nodeAffinityPolicy: some("Honor", "Ignore"),
    nodeTaintsPolicy: some("Honor", "Ignore"),
  },
  { requiredKeys: ["topologyKey", "maxSkew", "whenUnsatisfiable"] },
);
const toleration = fc.oneof(
  fc.record({ key: some("t", "u"), operator: some("Exists") }),
  fc.record({ key: some("t", "u"), value: some("1", ""), effect: some("NoSchedule") }),
  fc.record({ operator: some("Exists") }),
);
const container = fc
  .record({
    cpu: some(undefined, "1", "2"),
    port: some(undefined, undefined, 80),
    ip: some("1", undefined),
  })
  .map(({ cpu, port, ip }) => ({
    name: "c",
    ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
    ...(port === undefined ? {} : { ports: [{ containerPort: 1, hostPort: port, hostIP: ip }] }),
  }));
const spec: fc.Arbitrary<PodSpec> = fc
  .record(
    {
      containers: fc.tuple(container),
      nodeSelector: fc.record({ zone: label }, { requiredKeys: [] }),
      tolerations: fc.array(toleration, { maxLength: 2 }),
      topologySpreadConstraints: fc.array(constraint, { maxLength: 2 }),
      affinity: fc.record(
        {
          podAffinity: podTerms,
          podAntiAffinity: podTerms,
          nodeAffinity: fc.record({
            requiredDuringSchedulingIgnoredDuringExecution: fc.record({
              nodeSelectorTerms: fc.array(nodeTerm, { minLength: 1, maxLength: 2 }),
            }),
          }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ["containers"] },
  )
  .map((made) => json(made) as PodSpec);

const nodes: fc.Arbitrary<Node[]> = fc
  .array(
    fc.record({
      labels: fc.record(
        { zone: label, rack: label, size: some("1", "3", "5") },
        { requiredKeys: [] },
      ),
      taint: maybe(
        fc.record({
          key: some("t", "u"),
          value: some("1"),
          effect: some("NoSchedule", "PreferNoSchedule", "NoExecute"),
        }),
      ),
      unschedulable: some(false, false, false, true),
      cpu: some("2", "6"),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((made) =>
    made.map(({ labels, taint, unschedulable, cpu }, index) => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: `n${index}`, labels: json({ ...labels, host: `n${index}` }) },
      spec: { unschedulable, ...(taint === undefined ? {} : { taints: [taint] }) },
      status: { allocatable: { cpu, pods: "4" } },
    })),
  );

type Step =
  | {
      readonly do: "place";
      readonly labels: object;
      readonly spec: PodSpec;
      readonly ns: string;
      readonly at: number;
    }
  | { readonly do: "free" | "terminate"; readonly at: number }
  | { readonly do: "relabel"; readonly at: number; readonly labels: object };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: some("place" as const),
      labels: podLabels,
      spec,
      ns: some("a", "b", "c"),
      at: fc.nat(5),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: some("free" as const, "terminate" as const), at: fc.nat(20) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: some("relabel" as const), at: fc.nat(20), labels: podLabels }),
  },
);

interface Placed {
  pod: Pod;
  readonly nodeName: string;
}

function podOf(uid: string, namespace: string, labels: object, podSpec: PodSpec): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: uid, uid, namespace, labels: json(labels) as Record<string, string> },
    spec: podSpec,
  };
}

/** Does the step to the real state and to the list that the naive one reads. */
function take(step: Step, state: ClusterState, placed: Placed[], made: readonly Node[]): void {
  if (step.do === "place") {
    const nodeName = made[step.at % made.length]?.metadata.name ?? "";
    const pod = podOf(`p${placed.length}-${state.version}`, step.ns, step.labels, step.spec);
    state.place(pod, nodeName);
    placed.push({ pod, nodeName });
    return;
  }
  const target = placed[step.at % Math.max(1, placed.length)];
  if (target === undefined) return;
  if (step.do === "free") {
    state.free(target.pod.metadata.uid ?? "");
    placed.splice(placed.indexOf(target), 1);
    return;
  }
  const { metadata } = target.pod;
  const changed =
    "labels" in step
      ? { ...metadata, labels: json(step.labels) as Record<string, string> }
      : { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  target.pod = { ...target.pod, metadata: changed };
  state.place(target.pod, target.nodeName);
}

test("every node is judged as by looking at all pods anew", () => {
  fc.assert(
    fc.property(
      nodes,
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.array(fc.record({ labels: podLabels, spec, ns: some("a", "b", "c") }), {
        minLength: 1,
        maxLength: 3,
      }),
      (made, steps, wanted) => {
        const state = new ClusterState(
          (name) => (NAMESPACES as Record<string, Record<string, string>>)[name] ?? {},
        );
        for (const node of made) state.setNode(node);
        const placed: Placed[] = [];
        for (const each of steps) {
          take(each, state, placed, made);
          const world: World = { nodes: made, placed, namespaces: NAMESPACES };
          for (const [index, candidate] of wanted.entries()) {
            const pod = podOf(`wanted-${index}`, candidate.ns, candidate.labels, candidate.spec);
            const cycle = cycleOf(pod, state);
            for (const node of made) {
              const known = state.node(node.metadata.name);
              if (known === undefined) throw new Error("the node is unknown");
              expect(rejectionOn(plugins.filters, cycle, known)?.plugin).toBe(
                naiveRejection(pod, node, world),
              );
            }
          }
        }
      },
    ),
    { numRuns: 600 },
  );
});
