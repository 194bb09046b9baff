import { describe, expect, test } from "vitest";
import { LAST_APPLIED_ANNOTATION } from "../../../src/kube/apply/last-applied.ts";
import { conflictMessage } from "../../../src/kube/apply/conflict.ts";
import { applyJsonPatch } from "../../../src/kube/json-patch.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import {
  applied,
  apply,
  entryOf,
  fieldsOf,
  identity,
  updated,
  type Web,
  web,
} from "./web-deployment.ts";

/** An object as `kubectl apply` without `--server-side` leaves it. */
function clientSideApplied(spec: object): Web {
  const manifest = { ...identity, spec };
  const annotations = { [LAST_APPLIED_ANNOTATION]: `${JSON.stringify(manifest)}\n` };
  return updated(undefined, "kubectl-client-side-apply", web(spec, { annotations }));
}
const lastApplied = (object: KubeObject): unknown =>
  JSON.parse(object.metadata.annotations?.[LAST_APPLIED_ANNOTATION] ?? "null");

describe("kubectl apply --server-side after kubectl apply", () => {
  const live = clientSideApplied({ replicas: 1, paused: true });

  test("takes over what the annotation shows to be its own, and updates the annotation", () => {
    const manifest = web({ replicas: 3, paused: true });
    const next = applied(live, "kubectl", manifest, { at: 1 });
    expect(next.spec?.replicas).toBe(3);
    expect(fieldsOf(next, "kubectl")).toEqual({ "f:spec": { "f:paused": {}, "f:replicas": {} } });
    expect(lastApplied(next)).toEqual({ ...identity, spec: { replicas: 3, paused: true } });
  });

  test("conflicts where somebody else has changed the field since", () => {
    const scaled = updated(live, "hpa", { ...live, spec: { ...live.spec, replicas: 5 } as never });
    const { conflicts, object } = apply(scaled, "kubectl", web({ replicas: 3, paused: false }));
    expect(object).toBe(scaled);
    expect(conflictMessage(conflicts)).toBe(
      'Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas',
    );
  });

  test("is not done for other managers", () => {
    expect(apply(live, "gantry", web({ replicas: 3 })).conflicts).toHaveLength(1);
  });

  test.each(["", "not json", "[]", '{"apiVersion":"apps/v1beta1"}'])(
    "an annotation %j allows nothing",
    (text) => {
      const annotations = { [LAST_APPLIED_ANNOTATION]: text };
      const broken = updated(
        undefined,
        "kubectl-client-side-apply",
        web({ replicas: 1 }, { annotations }),
      );
      expect(apply(broken, "kubectl", web({ replicas: 3 })).conflicts).toHaveLength(1);
    },
  );

  test("an apply without effect leaves the object alone once the annotation is current", () => {
    const manifest = web({ replicas: 3, paused: true });
    const next = applied(live, "kubectl", manifest);
    expect(apply(next, "kubectl", manifest, { at: 9 }).object).toBe(next);
  });
});

test("kubectl's migration of managers, a JSON patch of managedFields, is taken as it is", () => {
  const live = clientSideApplied({ replicas: 1, paused: true });
  const [entry] = live.metadata.managedFields ?? [];
  const migrated = [{ ...entry, manager: "kubectl", operation: "Apply" }];
  const patched = applyJsonPatch(live, [
    { op: "replace", path: "/metadata/managedFields", value: migrated },
  ]);
  const next = updated(live, "kubectl", patched);
  expect(next.metadata.managedFields).toEqual(migrated);
  const slim = applied(next, "kubectl", web({ replicas: 1 }), { at: 1 });
  expect(slim.spec).not.toHaveProperty("paused");
  expect(entryOf(slim, "kubectl-client-side-apply")).toBeUndefined();
});
