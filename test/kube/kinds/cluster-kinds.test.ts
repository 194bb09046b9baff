/** Nodes, Namespaces, Events, Leases, ServiceAccounts. */
import { describe, expect, test } from "vitest";
import { events } from "../../../src/kube/kinds/event.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { serviceAccounts } from "../../../src/kube/kinds/serviceaccount.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const fields = (found: string[]) => found.map((problem) => problem.slice(0, problem.indexOf(": ")));

describe("a Node", () => {
  const status = (conditions: Draft[], spec: Draft = {}) =>
    cells(nodes, draft(nodes, { spec, status: { conditions } })).Status;
  test.each([
    [status([{ type: "Ready", status: "True" }]), "Ready"],
    [status([{ type: "Ready", status: "False" }]), "NotReady"],
    [status([{ type: "Ready", status: "Unknown" }]), "NotReady"],
    [status([]), "Unknown"],
    [
      status([{ type: "Ready", status: "True" }], { unschedulable: true }),
      "Ready,SchedulingDisabled",
    ],
  ])("shows its state: %s", (found, expected) => {
    expect(found).toBe(expected);
  });
  test("shows roles, version and addresses", () => {
    const labels = {
      "node-role.kubernetes.io/worker": "",
      "kubernetes.io/role": "edge",
      other: "x",
    };
    const object = draft(nodes, {
      metadata: { labels },
      status: {
        addresses: [
          { type: "Hostname", address: "n1" },
          { type: "InternalIP", address: "10.0.0.1" },
        ],
        nodeInfo: {
          kubeletVersion: "v1.35.0",
          osImage: "Debian",
          kernelVersion: "6.1",
          containerRuntimeVersion: "",
        },
      },
    });
    expect(cells(nodes, object)).toMatchObject({
      Roles: "edge,worker",
      Version: "v1.35.0",
      "Internal-IP": "10.0.0.1",
      "External-IP": "<none>",
      "OS-Image": "Debian",
      "Container-Runtime": "<unknown>",
    });
    expect(cells(nodes, draft(nodes)).Roles).toBe("<none>");
  });
  test("can be selected by whether it takes pods", () => {
    const read = nodes.selectableFields?.["spec.unschedulable"];
    expect([read?.(draft(nodes)), read?.(draft(nodes, { spec: { unschedulable: true } }))]).toEqual(
      ["false", "true"],
    );
  });
  test("refuses taints that mean nothing, or the same twice", () => {
    const taints = (...list: Draft[]) => fields(problems(nodes, { spec: { taints: list } }));
    const taint = { key: "a.b/c", value: "x", effect: "NoSchedule" };
    expect(taints(taint, { ...taint, effect: "NoExecute" })).toEqual([]);
    expect(taints({ ...taint, effect: "Never" })).toEqual(["spec.taints[0].effect"]);
    expect(taints({ ...taint, key: "a b" })).toEqual(["spec.taints[0].key"]);
    expect(taints(taint, { ...taint, value: "y" })).toEqual(["spec.taints[1]"]);
  });
  test("keeps its pod range and provider", () => {
    const previous = draft(nodes, { spec: { podCIDR: "10.0.0.0/24" } });
    const next = draft(nodes, { spec: { podCIDR: "10.0.1.0/24", providerID: "x" } });
    expect(fields(shown(nodes.strategy.validateUpdate?.(next, previous) ?? []))).toEqual([
      "spec.podCIDR",
    ]);
  });
  test("has one range for each family of addresses, the first of them its own", () => {
    const ranges = (podCIDR: string, ...podCIDRs: string[]) =>
      fields(problems(nodes, { spec: { podCIDR, podCIDRs } }));
    expect(ranges("10.0.0.0/24", "10.0.0.0/24", "fd00::/64")).toEqual([]);
    expect(ranges("10.0.0.0/24", "10.0.1.0/24")).toEqual(["spec.podCIDRs[0]"]);
    expect(ranges("10.0.0.0/24", "10.0.0.0/24", "10.0.1.0/24")).toEqual(["spec.podCIDRs"]);
  });
  test("has all of its capacity to give unless it says otherwise", () => {
    const of = (given: Draft) =>
      nodes.strategy.default?.(draft(nodes, { status: given })).status?.allocatable;
    expect(of({ capacity: { cpu: "2" } })).toEqual({ cpu: "2" });
    expect(of({ capacity: { cpu: "2" }, allocatable: { cpu: "1" } })).toEqual({ cpu: "1" });
  });
});

describe("a Namespace", () => {
  test("is born active, held by its finalizer and labelled with its name", () => {
    expect(completed(namespaces, { metadata: { labels: { a: "b" } } })).toMatchObject({
      metadata: { labels: { a: "b", "kubernetes.io/metadata.name": "web" } },
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    });
  });
  test("keeps its finalizers in a plain update", () => {
    const previous = completed(namespaces);
    const next = namespaces.strategy.prepareForUpdate?.(
      draft(namespaces, { spec: { finalizers: [] } }),
      previous,
    );
    expect(next?.spec).toEqual({ finalizers: ["kubernetes"] });
  });
  test("is terminating exactly while it is being deleted", () => {
    const check = (phase: string, metadata: Draft = {}) =>
      namespaces.strategy.validateStatusUpdate?.(
        draft(namespaces, { metadata, status: { phase } }),
        draft(namespaces),
      );
    const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect([check("Active"), check("Terminating", going)]).toEqual([[], []]);
    expect([check("Terminating")?.length, check("Active", going)?.length]).toEqual([1, 1]);
  });
  test("has a name that can be a DNS label", () => {
    expect(fields(problems(namespaces, { metadata: { name: "a.b" } }))).toEqual(["metadata.name"]);
  });
});

describe("an Event", () => {
  const involvedObject = {
    kind: "Pod",
    name: "web-1",
    namespace: "default",
    fieldPath: "spec.containers{app}",
  };
  const old = {
    involvedObject,
    type: "Warning",
    reason: "BackOff",
    message: " Back-off restarting \n",
    source: { component: "kubelet", host: "n1" },
    firstTimestamp: "2025-12-31T23:50:00Z",
    lastTimestamp: "2025-12-31T23:59:00Z",
    count: 7,
  };
  const recent = {
    involvedObject,
    reason: "Scheduled",
    action: "Binding",
    reportingComponent: "default-scheduler",
    reportingInstance: "s1",
    eventTime: "2025-12-31T23:59:30.000000Z",
  };
  test("shows what happened to what, when and how often", () => {
    expect(cells(events, draft(events, old))).toEqual({
      "Last Seen": "60s",
      Type: "Warning",
      Reason: "BackOff",
      Object: "pod/web-1",
      Subobject: "spec.containers{app}",
      Source: "kubelet, n1",
      Message: "Back-off restarting",
      "First Seen": "10m",
      Count: 7,
      Name: "web",
    });
  });
  test("of the newer style shows the same", () => {
    const series = { count: 3, lastObservedTime: "2025-12-31T23:59:50.000000Z" };
    expect(cells(events, draft(events, recent))).toMatchObject({
      "Last Seen": "30s",
      "First Seen": "30s",
      Source: "default-scheduler, s1",
      Count: 1,
    });
    expect(cells(events, draft(events, { ...recent, series }))).toMatchObject({
      "Last Seen": "10s",
      Count: 3,
    });
  });
  test("lives in the namespace of what it is about, or in default", () => {
    expect(problems(events, old)).toEqual([]);
    expect(problems(events, { ...old, involvedObject: { kind: "Node", name: "n1" } })).toEqual([]);
    const elsewhere = { ...old, involvedObject: { ...involvedObject, namespace: "other" } };
    expect(fields(problems(events, elsewhere))).toEqual(["involvedObject.namespace"]);
  });
  test("of the newer style says who, what and why", () => {
    expect(problems(events, recent)).toEqual([]);
    const { action: _, ...silent } = recent;
    expect(fields(problems(events, silent))).toEqual(["action"]);
    expect(fields(problems(events, { ...recent, message: "x".repeat(1025) }))).toEqual(["message"]);
  });
  test("can be selected by what it is about", () => {
    const read = (field: string) => events.selectableFields?.[field]?.(draft(events, old));
    expect([
      read("involvedObject.name"),
      read("involvedObject.uid"),
      read("reason"),
      read("source"),
    ]).toEqual(["web-1", "", "BackOff", "kubelet"]);
  });
});

test("a Lease has a holder and a positive duration", () => {
  const of = (spec: Draft) => fields(problems(leases, { spec }));
  expect(of({ holderIdentity: "a", leaseDurationSeconds: 40, leaseTransitions: 0 })).toEqual([]);
  expect(of({ leaseDurationSeconds: 0, leaseTransitions: -1 })).toEqual([
    "spec.leaseDurationSeconds",
    "spec.leaseTransitions",
  ]);
  expect(cells(leases, draft(leases, { spec: { holderIdentity: "a" } })).Holder).toBe("a");
});

test("only Events and Leases stay out of the durable history", () => {
  expect([events.ephemeral, leases.ephemeral, nodes.ephemeral]).toEqual([true, true, undefined]);
});

test("a ServiceAccount shows how many secrets it has", () => {
  const object = draft(serviceAccounts, { secrets: [{ name: "a" }, { name: "b" }] });
  expect(cells(serviceAccounts, object).Secrets).toBe(2);
});
