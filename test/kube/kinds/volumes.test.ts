import { describe, expect, test } from "vitest";
import type { Kind } from "../../../src/kube/kind.ts";
import { csiDrivers } from "../../../src/kube/kinds/csidriver.ts";
import { csiNodes } from "../../../src/kube/kinds/csinode.ts";
import { csiStorageCapacities } from "../../../src/kube/kinds/csistoragecapacity.ts";
import { persistentVolumes } from "../../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { storageClasses } from "../../../src/kube/kinds/storageclass.ts";
import { volumeAttachments } from "../../../src/kube/kinds/volumeattachment.ts";
import { volumeSnapshots } from "../../../src/kube/kinds/volumesnapshot.ts";
import { volumeSnapshotClasses } from "../../../src/kube/kinds/volumesnapshotclass.ts";
import { volumeSnapshotContents } from "../../../src/kube/kinds/volumesnapshotcontent.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { cells, completed, type Draft, problems, shown } from "./checked.ts";

/** Fields that are wrong. */
const fields = (kind: Kind, rest: Draft) =>
  problems(kind, rest).map((problem) => problem.slice(0, problem.indexOf(": ")));
const onUpdate = (kind: Kind, before: Draft, after: Draft): string[] => {
  const [previous, next] = [completed(kind, before), completed(kind, after)] as [
    KubeObject,
    KubeObject,
  ];
  return shown(kind.strategy.validateUpdate?.(next, previous) ?? []);
};

describe("a claim", () => {
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  const of = (spec: Draft, rest: Draft = {}): Draft => ({ spec: { ...claim, ...spec }, ...rest });
  const bound = { status: { phase: "Bound", capacity: { storage: "1Gi" } } };
  const asking = (storage: string) => ({ resources: { requests: { storage } } });

  test("is pending with a file system until it is told otherwise", () => {
    expect(completed(persistentVolumeClaims, of({}))).toMatchObject({
      spec: { volumeMode: "Filesystem" },
      status: { phase: "Pending" },
    });
  });

  test.each<[what: string, spec: Draft, field: string]>([
    ["no access mode", { accessModes: [] }, "spec.accessModes"],
    ["an unknown access mode", { accessModes: ["Sometimes"] }, "spec.accessModes[0]"],
    [
      "one pod and others",
      { accessModes: ["ReadWriteOncePod", "ReadWriteOnce"] },
      "spec.accessModes",
    ],
    ["no size", { resources: {} }, "spec.resources[storage]"],
    ["size zero", asking("0"), "spec.resources[storage]"],
    ["a class that is no name", { storageClassName: "A b" }, "spec.storageClassName"],
    [
      "a source without a name",
      { dataSource: { kind: "PersistentVolumeClaim", name: "" } },
      "spec.dataSource.name",
    ],
    [
      "a selector that is none",
      { selector: { matchExpressions: [{ key: "a", operator: "In" }] } },
      "spec.selector.matchExpressions[0].values",
    ],
    [
      "a reference of the core group to what is no claim",
      { dataSourceRef: { kind: "Secret", name: "a" } },
      "spec.dataSourceRef.kind",
    ],
  ])("is refused with %s", (_what, spec, field) => {
    expect(fields(persistentVolumeClaims, of(spec))).toContain(field);
  });

  test("has the same source in both fields, and drops what is none", () => {
    const dataSource = { kind: "PersistentVolumeClaim", name: "a" };
    expect(completed(persistentVolumeClaims, of({ dataSource }))).toMatchObject({
      spec: { dataSource, dataSourceRef: dataSource },
    });
    const other = { apiGroup: "example.com", kind: "Backup", name: "a" };
    expect(completed(persistentVolumeClaims, of({ dataSource: other })).spec).not.toHaveProperty(
      "dataSource",
    );
    expect(completed(persistentVolumeClaims, of({ dataSourceRef: other })).spec).toMatchObject({
      dataSourceRef: other,
    });
  });

  test.each<[what: string, before: Draft, after: Draft, expected: RegExp | undefined]>([
    ["gets a volume", of({}), of({ volumeName: "a" }), undefined],
    ["keeps its volume", of({ volumeName: "a" }), of({ volumeName: "b" }), /is immutable after/],
    ["gets a class", of({}), of({ storageClassName: "a" }), undefined],
    [
      "keeps its class",
      of({ storageClassName: "a" }),
      of({ storageClassName: "b" }),
      /is immutable after/,
    ],
    ["keeps its modes", of({}), of({ accessModes: ["ReadOnlyMany"] }), /is immutable after/],
    ["grows once bound", of({}, bound), of(asking("2Gi"), bound), undefined],
    ["grows not before", of({}), of(asking("2Gi")), /is immutable after/],
    [
      "never gets smaller than it is",
      of({}, bound),
      of(asking("512Mi"), bound),
      /less than status.capacity/,
    ],
    [
      "takes growth back that never came",
      of(asking("5Gi"), bound),
      of(asking("2Gi"), bound),
      undefined,
    ],
    ["changes its attributes class", of({}), of({ volumeAttributesClassName: "fast" }), undefined],
  ])("%s", (_what, before, after, expected) => {
    const said = onUpdate(persistentVolumeClaims, before, after);
    if (expected === undefined) expect(said).toEqual([]);
    else expect(said.join("\n")).toMatch(expected);
  });

  test("shows what it has once it has something", () => {
    const waiting = completed(persistentVolumeClaims, of({ storageClassName: "fast" }));
    expect(cells(persistentVolumeClaims, waiting)).toMatchObject({
      Status: "Pending",
      Volume: "",
      Capacity: "",
      "Access Modes": "",
      StorageClass: "fast",
      VolumeAttributesClass: "<unset>",
      VolumeMode: "Filesystem",
    });
    const status = {
      phase: "Bound",
      capacity: { storage: "5Gi" },
      accessModes: ["ReadWriteMany", "ReadWriteOnce"],
    };
    const has = completed(persistentVolumeClaims, of({ volumeName: "pv" }, { status }));
    expect(cells(persistentVolumeClaims, has)).toMatchObject({
      Status: "Bound",
      Volume: "pv",
      Capacity: "5Gi",
      "Access Modes": "RWO,RWX",
    });
  });
});

describe("a volume", () => {
  const volume = {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    hostPath: { path: "/srv" },
  };
  const of = (spec: Draft): Draft => ({ spec: { ...volume, ...spec } });
  const terms = [{ matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] }];
  const nodeAffinity = { required: { nodeSelectorTerms: terms } };
  const csi = { driver: "a.example.com", volumeHandle: "v" };

  test("is kept after its claim unless it says otherwise", () => {
    expect(completed(persistentVolumes, of({}))).toMatchObject({
      spec: { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" },
      status: { phase: "Pending" },
    });
  });

  test.each<[what: string, spec: Draft, field: string]>([
    ["no capacity", { capacity: {} }, "spec.capacity"],
    ["capacity of something else", { capacity: { cpu: "1" } }, "spec.capacity"],
    ["no access mode", { accessModes: [] }, "spec.accessModes"],
    ["two sources", { csi }, "spec.hostPath"],
    ["no source", { hostPath: undefined }, "spec"],
    ["a path that climbs", { hostPath: { path: "/a/../b" } }, "spec.hostPath.path"],
    [
      "recycling of the whole disk",
      { hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle" },
      "spec.persistentVolumeReclaimPolicy",
    ],
    [
      "a local path on no node in particular",
      { hostPath: undefined, local: { path: "/disk" } },
      "spec.nodeAffinity",
    ],
    ["affinity to nothing", { nodeAffinity: {} }, "spec.nodeAffinity.required"],
    [
      "a CSI volume without a handle",
      { hostPath: undefined, csi: { driver: "a", volumeHandle: "" } },
      "spec.csi.volumeHandle",
    ],
    [
      "half a secret",
      { hostPath: undefined, csi: { ...csi, nodeStageSecretRef: { name: "a" } } },
      "spec.csi.nodeStageSecretRef.namespace",
    ],
  ])("is refused with %s", (_what, spec, field) => {
    expect(fields(persistentVolumes, of(spec))).toContain(field);
  });

  test.each<[what: string, before: Draft, after: Draft, expected: RegExp | undefined]>([
    ["stays where it is", {}, { hostPath: { path: "/other" } }, /immutable after creation/],
    ["stays with its nodes", { nodeAffinity }, { nodeAffinity: undefined }, /field is immutable/],
    ["may say later which nodes", {}, { nodeAffinity }, undefined],
    ["changes policy", {}, { persistentVolumeReclaimPolicy: "Delete" }, undefined],
    ["gives up its claim", { claimRef: { name: "a", namespace: "b" } }, {}, undefined],
    [
      "learns of a secret for growth",
      { hostPath: undefined, csi },
      {
        hostPath: undefined,
        csi: { ...csi, controllerExpandSecretRef: { name: "a", namespace: "b" } },
      },
      undefined,
    ],
    [
      "keeps its driver",
      { hostPath: undefined, csi },
      { hostPath: undefined, csi: { ...csi, driver: "b.example.com" } },
      /immutable after creation/,
    ],
  ])("%s", (_what, before, after, expected) => {
    const said = onUpdate(persistentVolumes, of(before), of(after));
    if (expected === undefined) expect(said).toEqual([]);
    else expect(said.join("\n")).toMatch(expected);
  });

  test("shows claim, class and state", () => {
    const object = {
      ...completed(persistentVolumes, of({ claimRef: { namespace: "ns", name: "c" } })),
      status: { phase: "Failed", reason: "Broken" },
    };
    expect(cells(persistentVolumes, object)).toMatchObject({
      Capacity: "1Gi",
      "Access Modes": "RWO",
      "Reclaim Policy": "Retain",
      Status: "Failed",
      Claim: "ns/c",
      StorageClass: "",
      Reason: "Broken",
    });
  });
});

describe("a class", () => {
  const storage = (rest: Draft = {}): Draft => ({ provisioner: "example.com/a", ...rest });
  test.each<[what: string, rest: Draft, field: string]>([
    ["no provisioner", { provisioner: "" }, "provisioner"],
    ["a provisioner that is no name", { provisioner: "a b" }, "provisioner"],
    ["an unknown binding mode", { volumeBindingMode: "Never" }, "volumeBindingMode"],
    ["Recycle", { reclaimPolicy: "Recycle" }, "reclaimPolicy"],
    [
      "one place twice",
      {
        allowedTopologies: [
          { matchLabelExpressions: [{ key: "a", values: ["b"] }] },
          { matchLabelExpressions: [{ key: "a", values: ["b"] }] },
        ],
      },
      "allowedTopologies[1].matchLabelExpressions",
    ],
    [
      "a place without values",
      { allowedTopologies: [{ matchLabelExpressions: [{ key: "a", values: [] }] }] },
      "allowedTopologies[0].matchLabelExpressions[0].values",
    ],
  ])("is refused with %s", (_what, rest, field) => {
    expect(fields(storageClasses, storage(rest))).toContain(field);
  });

  test("is final in what made its volumes, free in the rest", () => {
    const of = (rest: Draft) => onUpdate(storageClasses, storage(), storage(rest)).join();
    expect(of({ provisioner: "b" })).toMatch(/updates to provisioner are forbidden/);
    expect(of({ parameters: { a: "b" } })).toMatch(/updates to parameters are forbidden/);
    expect(of({ reclaimPolicy: "Retain" })).toMatch(/updates to reclaimPolicy are forbidden/);
    expect(of({ volumeBindingMode: "WaitForFirstConsumer" })).toMatch(/field is immutable/);
    expect(of({ allowVolumeExpansion: true, mountOptions: ["ro"] })).toBe("");
  });

  test("shows whether it is the default", () => {
    const metadata = { annotations: { "storageclass.kubernetes.io/is-default-class": "true" } };
    expect(cells(storageClasses, completed(storageClasses, storage({ metadata })))).toMatchObject({
      Name: "web (default)",
      ReclaimPolicy: "Delete",
      VolumeBindingMode: "Immediate",
      AllowVolumeExpansion: false,
    });
  });
});

test.each<[what: string, kind: Kind, rest: Draft, field: string]>([
  [
    "CSI drivers ask for one audience once",
    csiDrivers,
    { spec: { tokenRequests: [{ audience: "a" }, { audience: "a" }] } },
    "spec.tokenRequests[1].audience",
  ],
  [
    "CSI nodes list a driver once",
    csiNodes,
    { spec: { drivers: ["a", "a"].map((name) => ({ name, nodeID: "n" })) } },
    "spec.drivers[1].name",
  ],
  [
    "CSI nodes have a name for themselves",
    csiNodes,
    { spec: { drivers: [{ name: "a", nodeID: "" }] } },
    "spec.drivers[0].nodeID",
  ],
  ["capacity is of a class", csiStorageCapacities, { storageClassName: "" }, "storageClassName"],
  [
    "attachments are of something",
    volumeAttachments,
    { spec: { attacher: "a", nodeName: "n", source: {} } },
    "spec.source",
  ],
  [
    "snapshots are of one thing",
    volumeSnapshots,
    { spec: { source: { persistentVolumeClaimName: "a", volumeSnapshotContentName: "b" } } },
    "spec.source",
  ],
  ["snapshots are of something", volumeSnapshots, { spec: { source: {} } }, "spec.source"],
  [
    "a class of snapshots is named or not mentioned",
    volumeSnapshots,
    { spec: { source: { persistentVolumeClaimName: "a" }, volumeSnapshotClassName: "" } },
    "spec.volumeSnapshotClassName",
  ],
  [
    "contents are of a snapshot, by name and namespace",
    volumeSnapshotContents,
    {
      spec: {
        driver: "a",
        deletionPolicy: "Delete",
        source: { snapshotHandle: "a" },
        volumeSnapshotRef: { name: "a" },
      },
    },
    "spec.volumeSnapshotRef",
  ],
  [
    "snapshot classes keep or delete",
    volumeSnapshotClasses,
    { driver: "a", deletionPolicy: "Forget" },
    "deletionPolicy",
  ],
])("%s", (_what, kind, rest, field) => {
  expect(fields(kind, rest)).toContain(field);
});

test("what a snapshot is of never changes", () => {
  const of = (name: string): Draft => ({ spec: { source: { persistentVolumeClaimName: name } } });
  expect(onUpdate(volumeSnapshots, of("a"), of("b"))).toEqual([
    'spec.source.persistentVolumeClaimName: Invalid value: "b": persistentVolumeClaimName is immutable',
  ]);
});
