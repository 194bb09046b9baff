import { expect, test } from "vitest";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { deepFreeze } from "../../../src/kube/object.ts";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import { prune } from "../../../src/kube/schema/prune.ts";
import { noteSound } from "../../../src/kube/schema/sound.ts";
import { validate } from "../../../src/kube/schema/validate.ts";

/** Wrong in every way, so that it shows whether somebody looked. */
const wrongSpec = () => ({
  containers: [{ name: 7, ports: [{ containerPort: 80 }] }],
  colour: "red",
});
const podOf = (spec: object) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec,
  status: { phase: 1 },
});
const looked = (object: object): boolean =>
  validate(pods.schema, object).some(({ field }) => field.startsWith("spec")) &&
  prune(pods.schema, object) !== object &&
  applyDefaults(pods.schema, object) !== object;

test("what is known to fit is not looked at again, whatever is new beside it is", () => {
  const spec = deepFreeze(wrongSpec());
  const stored = podOf(spec);
  expect(looked(stored)).toBe(true);
  noteSound(pods.schema, stored);
  const next = podOf(spec);
  expect(applyDefaults(pods.schema, next).spec).toBe(spec);
  expect(prune(pods.schema, next).spec).toBe(spec);
  expect(validate(pods.schema, next).map(({ field }) => field)).toEqual(["status.phase"]);
  // Equal is not the same.
  expect(looked(podOf(deepFreeze(wrongSpec())))).toBe(true);
});

test("what may still change is not remembered", () => {
  const spec = wrongSpec();
  noteSound(pods.schema, podOf(spec));
  expect(looked(podOf(spec))).toBe(true);
});

test("the template of a set is known as the spec of its pods", () => {
  const spec = deepFreeze(wrongSpec());
  const set = deepFreeze({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "s" },
    spec: { selector: {}, template: { spec } },
  });
  noteSound(replicaSets.schema, set);
  expect(applyDefaults(pods.schema, podOf(spec)).spec).toBe(spec);
});
