import { expect, test } from "vitest";
import {
  type OwnerState,
  planCollection,
} from "../../../../src/engine/controllers/garbage-collector/collection-plan.ts";
import type { KubeObject } from "../../../../src/kube/object.ts";

interface Sample {
  readonly owners?: readonly string[];
  readonly finalizers?: readonly string[];
  readonly deleting?: boolean;
}
function object(
  uid: string,
  { owners = [], finalizers = [], deleting = false }: Sample = {},
): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: uid,
      uid,
      ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      finalizers: [...finalizers],
      ownerReferences: owners.map((owner) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        name: owner,
        uid: owner,
        blockOwnerDeletion: !owner.startsWith("lax"),
      })),
    },
  };
}
function plan(
  sample: Sample,
  states: Record<string, OwnerState> = {},
  dependents: KubeObject[] = [],
) {
  const stateOf = ({ uid }: { uid: string }): OwnerState => states[uid] ?? "solid";
  return planCollection({ object: object("me", sample), dependents, stateOf });
}

test("an object without owners, or with one that is there, stays", () => {
  expect(plan({})).toEqual({ do: "nothing" });
  expect(plan({ owners: ["a"] })).toEqual({ do: "nothing" });
});

test("an object goes when all its owners are gone, and not before", () => {
  const gone = { do: "delete", propagation: "Background", unblockFirst: false };
  expect(plan({ owners: ["a"] }, { a: "absent" })).toEqual(gone);
  expect(plan({ owners: ["a", "b"] }, { a: "absent", b: "absent" })).toEqual(gone);
  expect(plan({ owners: ["a", "b"] }, { a: "absent" })).toEqual({
    do: "remove-owners",
    uids: ["a"],
  });
  expect(plan({ owners: ["a", "b"] }, { a: "absent", b: "unresolvable" })).toEqual({
    do: "nothing",
  });
});

test("an owner that waits for its dependents is let go when another one stays", () => {
  expect(plan({ owners: ["a", "b"] }, { a: "waiting" })).toEqual({
    do: "remove-owners",
    uids: ["a"],
  });
});

test("a finalizer that is there already says how to delete", () => {
  expect(plan({ owners: ["a"], finalizers: ["orphan"] }, { a: "absent" })).toMatchObject({
    propagation: "Orphan",
  });
  expect(
    plan({ owners: ["a"], finalizers: ["foregroundDeletion"] }, { a: "absent" }),
  ).toMatchObject({
    propagation: "Foreground",
  });
});

test("below an owner that waits, what has dependents waits for them too", () => {
  expect(plan({ owners: ["a"] }, { a: "waiting" })).toMatchObject({ propagation: "Background" });
  expect(plan({ owners: ["a"] }, { a: "waiting" }, [object("d", { owners: ["me"] })])).toEqual({
    do: "delete",
    propagation: "Foreground",
    unblockFirst: false,
  });
});

test("a circle of waiting is broken", () => {
  const circle = object("a", {
    owners: ["me"],
    deleting: true,
    finalizers: ["foregroundDeletion"],
  });
  expect(plan({ owners: ["a"] }, { a: "waiting" }, [circle])).toMatchObject({ unblockFirst: true });
});

test("a foreground deletion waits for blocking dependents only", () => {
  const sample = { deleting: true, finalizers: ["foregroundDeletion"] };
  const blocking = object("d", { owners: ["me"] });
  expect(plan(sample, {}, [blocking])).toEqual({ do: "await-dependents", blocking: [blocking] });
  const lax = object("e", { owners: ["me"] });
  lax.metadata.ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "me", uid: "me" }];
  expect(plan(sample, {}, [lax])).toEqual({
    do: "drop-finalizer",
    finalizer: "foregroundDeletion",
  });
});

test("an orphaning deletion releases; another one that is under way is left alone", () => {
  expect(plan({ deleting: true, finalizers: ["orphan"] })).toEqual({ do: "orphan-dependents" });
  expect(plan({ deleting: true, finalizers: ["x.dev/y"], owners: ["a"] }, { a: "absent" })).toEqual(
    {
      do: "nothing",
    },
  );
});
