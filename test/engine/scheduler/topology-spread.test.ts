import type { TopologySpreadConstraint } from "kubernetes-types/core/v1";
import { describe, expect, test } from "vitest";
import { pickNode } from "../../../src/engine/scheduler/pick-node.ts";
import { pluginsOf } from "../../../src/engine/scheduler/profile-plugins.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { selectorFromLabels } from "../../../src/kube/label-selector.ts";
import {
  choose,
  cluster,
  cycleOf,
  emptyCatalog,
  node,
  pod,
  requesting,
  shown,
} from "./cluster-fixtures.ts";

const app = { app: "web" };
const labelSelector = { matchLabels: app };
const TOO_SKEWED = ["node(s) didn't match pod topology spread constraints"];
const MISSING = ["node(s) didn't match pod topology spread constraints (missing required label)"];
const inZone = (name: string, zone: string, rest: Parameters<typeof node>[1] = {}) =>
  node(name, { ...rest, labels: { zone, host: name, ...rest.labels } });
const spreading = (
  constraints: readonly Partial<TopologySpreadConstraint>[],
  spec: Parameters<typeof pod>[0] = {},
  labels: Record<string, string> = app,
): Pod =>
  pod(
    {
      topologySpreadConstraints: constraints.map((constraint) => ({
        maxSkew: 1,
        topologyKey: "zone",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector,
        ...constraint,
      })),
      ...spec,
    },
    "new",
    labels,
  );
const existing = (labels: Record<string, string> = app): Pod => pod({}, "old", labels);

describe("DoNotSchedule", () => {
  test("fills the domain with the fewest", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"));
    state.place(existing(), "a");
    expect(choose(spreading([{}]), state)).toBe("b");
    state.place(existing(), "b");
    state.place(existing(), "b");
    expect(choose(spreading([{}]), state)).toBe("a");
  });
  test("counts a node only if it has all keys, so that one without cannot be the emptiest", () => {
    const state = cluster(inZone("a", "1"), node("no-zone", { labels: { host: "no-zone" } }));
    state.place(existing(), "a");
    // Were host no-zone a domain, it would have none of the pods and keep the third off host a.
    const both = spreading([{}, { topologyKey: "host" }]);
    expect(choose(both, state)).toBe("a");
  });
  test("says which nodes have no domain at all", () => {
    const state = cluster(node("bare"), inZone("full", "1", { allocatable: { pods: "0" } }));
    expect(choose(spreading([{}]), state)).toEqual({ bare: MISSING, full: ["Too many pods"] });
  });
  test("with fewer domains than minDomains each takes only maxSkew", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"));
    state.place(existing(), "a");
    state.place(existing(), "b");
    expect(choose(spreading([{}]), state)).toMatch(/^[ab]$/);
    expect(choose(spreading([{ minDomains: 3 }]), state)).toEqual({ a: TOO_SKEWED, b: TOO_SKEWED });
  });
  test("leaves out domains that the pod's own selection excludes, unless told to ignore it", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"));
    state.place(existing(), "a");
    const only = { nodeSelector: { zone: "1" } };
    expect(choose(spreading([{}], only), state)).toBe("a");
    expect(choose(spreading([{ nodeAffinityPolicy: "Ignore" }], only), state)).toMatchObject({
      a: TOO_SKEWED,
    });
  });
  test("counts tainted domains, unless told to honour taints", () => {
    const taints = [{ key: "gone", effect: "NoExecute" }];
    const state = cluster(inZone("a", "1"), inZone("b", "2", { spec: { taints } }));
    state.place(existing(), "a");
    expect(choose(spreading([{}]), state)).toMatchObject({ a: TOO_SKEWED });
    expect(choose(spreading([{ nodeTaintsPolicy: "Honor" }]), state)).toBe("a");
  });
  test("with matchLabelKeys spreads each revision by itself", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"));
    const old = { ...app, hash: "old" };
    const next = { ...app, hash: "new" };
    for (let count = 0; count < 3; count++) state.place(existing(old), "a");
    state.place(existing(next), "b");
    expect(choose(spreading([{ matchLabelKeys: ["hash"] }], {}, next), state)).toBe("a");
    expect(choose(spreading([{}], {}, next), state)).toBe("b");
  });
  test("forgets pods that are leaving", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"));
    const leaving = existing();
    state.place(leaving, "a");
    expect(choose(spreading([{}]), state)).toBe("b");
    const deletionTimestamp = "2026-01-01T00:00:00Z";
    state.place({ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp } }, "a");
    state.place(existing(), "b");
    expect(choose(spreading([{}]), state)).toBe("a");
  });
  test("looks at its own namespace only", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2", { allocatable: { pods: "0" } }));
    const other = existing();
    state.place({ ...other, metadata: { ...other.metadata, namespace: "other" } }, "a");
    expect(choose(spreading([{}]), state)).toBe("a");
  });
});

describe("ScheduleAnyway", () => {
  test("prefers the emptier domain, and takes the fuller when there is no other", () => {
    const state = cluster(inZone("a", "1"), inZone("b", "2"), inZone("c", "2"));
    state.place(existing(), "b");
    const soft = spreading([{ whenUnsatisfiable: "ScheduleAnyway" }]);
    expect(choose(soft, state)).toBe("a");
    state.removeNode("a");
    expect(choose(soft, state)).toBe("c");
  });
  test("puts a node without the label last", () => {
    const state = cluster(node("bare"), inZone("a", "1"));
    state.place(existing(), "a");
    expect(choose(spreading([{ whenUnsatisfiable: "ScheduleAnyway" }]), state)).toBe("a");
  });
});

test("pods of one workload spread over nodes though nobody asked for it", () => {
  const host = (name: string) => node(name, { labels: { "kubernetes.io/hostname": name } });
  const state = cluster(host("a"), host("b"));
  const ofWeb = { of: () => selectorFromLabels(app) };
  const plugins = pluginsOf({ schedulerName: "test" }, emptyCatalog, ofWeb);
  state.place(existing(), "a");
  // By room alone it would go to a.
  state.place(requesting({ cpu: "1", memory: "2Gi" }), "b");
  expect(shown(pickNode(plugins, cycleOf(existing(), state)))).toBe("b");
  const alone = pluginsOf({ schedulerName: "test" }, emptyCatalog, { of: () => undefined });
  expect(shown(pickNode(alone, cycleOf(existing(), state)))).toBe("a");
});
