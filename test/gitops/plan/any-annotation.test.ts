/** Annotations are anybody's text: what is made of them is one of the things that there are. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  DELETE_POLICIES,
  deletePolicies,
  HOOK_PHASES,
  hookPhases,
  isHook,
} from "../../../src/gitops/plan/hooks.ts";
import { applicationOptions, objectOptions } from "../../../src/gitops/plan/sync-options.ts";
import { waveOf } from "../../../src/gitops/plan/sync-wave.ts";
import { trackedBy, trackingLabel } from "../../../src/gitops/plan/tracking.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

const name = fc.constantFrom(
  "argocd.argoproj.io/sync-options",
  "argocd.argoproj.io/compare-options",
  "argocd.argoproj.io/hook",
  "argocd.argoproj.io/hook-delete-policy",
  "argocd.argoproj.io/sync-wave",
  "helm.sh/hook",
  "helm.sh/hook-weight",
  "helm.sh/hook-delete-policy",
  "helm.sh/resource-policy",
  "kustomize.toolkit.fluxcd.io/prune",
  "kustomize.toolkit.fluxcd.io/ssa",
  "kapp.k14s.io/update-strategy",
  "gantry.dev/tracking-id",
);
const word = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "Prune",
    "PrunePropagationPolicy",
    "Force",
    "true",
    "foreground",
    "confirm",
    "PreSync",
    "pre-install",
    "hook-succeeded",
    "HookFailed",
    "-7",
    "9".repeat(400),
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const text = fc
  .array(fc.tuple(word, fc.constantFrom(",", "=", "", " ,", "/", ":")), { maxLength: 6 })
  .map((parts) => parts.flat().join(""));
const kind = fc.constantFrom("ConfigMap", "Namespace", "PersistentVolumeClaim", "__proto__");

test("waves are whole numbers, phases, policies and options those that there are", () => {
  const defaults = applicationOptions(undefined);
  let special = 0;
  fc.assert(
    fc.property(kind, fc.dictionary(name, text), fc.array(text), (of, annotations, words) => {
      const object: KubeObject = {
        apiVersion: "v1",
        kind: of,
        metadata: { name: "x", annotations, labels: annotations },
      };
      expect(Number.isSafeInteger(waveOf(object))).toBe(true);
      for (const isInstalled of [true, false])
        for (const phase of hookPhases(object, isInstalled)) {
          special++;
          expect(HOOK_PHASES).toContain(phase);
        }
      expect(typeof isHook(object)).toBe("boolean");
      for (const policy of deletePolicies(object)) expect(DELETE_POLICIES).toContain(policy);
      const options = objectOptions(object, applicationOptions(words));
      expect(Object.keys(options).sort()).toEqual(Object.keys(defaults).sort());
      const { prune, delete: deletes, prunePropagation, ...flags } = options;
      for (const each of [prune, deletes]) expect([true, false, "confirm"]).toContain(each);
      expect(["Background", "Foreground", "Orphan"]).toContain(prunePropagation);
      for (const flag of Object.values(flags)) expect(typeof flag).toBe("boolean");
      // A copy of marks, or marks that make no sense, are nobody's.
      expect(trackedBy(object)).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
  expect(special).toBeGreaterThan(20);
});

test("the label of any Application is a label", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,250}$/), (key) => {
      const label = trackingLabel(`default/${key}`, () => "0123456789abcdef0123");
      expect(label.length).toBeLessThanOrEqual(63);
      expect(label).toMatch(/^[a-z0-9]/);
    }),
  );
});
