import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareValues } from "../../../src/kube/apply/compare-values.ts";
import {
  decodeFieldSet,
  difference,
  type FieldPath,
  type FieldSet,
  formatFieldPath,
  intersection,
  isEmpty,
  pathsOf,
} from "../../../src/kube/apply/field-set.ts";
import { fieldSetOf } from "../../../src/kube/apply/field-set-of.ts";
import { objectTypeOf } from "../../../src/kube/apply/merge-type.ts";
import { mergeValues } from "../../../src/kube/apply/merge-values.ts";
import { fieldsOwnedBy, readFieldPath } from "../../../src/kube/apply/ownership.ts";
import { deepFreeze, type KubeObject } from "../../../src/kube/object.ts";
import { apply, identity, schema, stored, updated, type Web } from "./web-deployment.ts";

const container = fc.record(
  {
    name: fc.constantFrom("a", "b", "c"),
    image: fc.constantFrom("x", "y"),
    args: fc.array(fc.constantFrom("1", "2"), { maxLength: 2 }),
    env: fc.uniqueArray(
      fc.record({ name: fc.constantFrom("A", "B", "C"), value: fc.constantFrom("1", "2") }),
      { selector: ({ name }) => name, maxLength: 3 },
    ),
    ports: fc.uniqueArray(
      fc.record(
        { containerPort: fc.constantFrom(80, 81), protocol: fc.constantFrom("TCP", "UDP") },
        { requiredKeys: ["containerPort"] },
      ),
      {
        selector: ({ containerPort, protocol = "TCP" }) => `${containerPort}/${protocol}`,
        maxLength: 3,
      },
    ),
    livenessProbe: fc.record({ periodSeconds: fc.constantFrom(5, 10) }, { requiredKeys: [] }),
    resources: fc.record(
      {
        limits: fc.dictionary(fc.constantFrom("cpu", "memory"), fc.constantFrom("1", "1000m", "2")),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ["name"] },
);

const manifest: fc.Arbitrary<KubeObject> = fc
  .record({
    labels: fc.option(fc.dictionary(fc.constantFrom("k", "l"), fc.constantFrom("1", "2")), {
      nil: undefined,
    }),
    finalizers: fc.option(fc.uniqueArray(fc.constantFrom("f/a", "f/b", "f/c")), { nil: undefined }),
    spec: fc.record(
      {
        replicas: fc.constantFrom(1, 2, 3),
        selector: fc.record({ matchLabels: fc.record({ app: fc.constantFrom("x", "y") }) }),
        strategy: fc.record(
          {
            type: fc.constant("RollingUpdate"),
            rollingUpdate: fc.record({ maxSurge: fc.constantFrom(0, 1) }, { requiredKeys: [] }),
          },
          { requiredKeys: [] },
        ),
        template: fc.record({
          spec: fc.record(
            {
              containers: fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 3 }),
              nodeSelector: fc.dictionary(fc.constantFrom("n", "m"), fc.constantFrom("1", "2")),
            },
            { requiredKeys: [] },
          ),
        }),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ labels, finalizers, spec }) =>
    deepFreeze(
      JSON.parse(
        JSON.stringify({
          ...identity,
          metadata: { ...identity.metadata, labels, finalizers },
          spec,
        }),
      ) as KubeObject,
    ),
  );

/** One write; conflicts leave the object as it is. */
type Write = {
  readonly by: string;
  readonly manifest: KubeObject;
  readonly how: "apply" | "force" | "update";
};
const write: fc.Arbitrary<Write> = fc.record({
  by: fc.constantFrom("gantry", "other", "third"),
  manifest,
  how: fc.constantFrom("apply", "force", "update"),
});

function perform(
  live: Web | undefined,
  { by, manifest: next, how }: Write,
  at: number,
): Web | undefined {
  if (how === "update") {
    const kept = live === undefined ? {} : { managedFields: live.metadata.managedFields };
    return updated(live, by, { ...next, metadata: { ...next.metadata, ...kept } }, { at });
  }
  const { object, conflicts } = apply(live, by, next, { force: how === "force", at });
  return conflicts.length > 0 || object === live ? live : stored(object);
}
const history = fc.array(write, { minLength: 1, maxLength: 6 });
const replay = (writes: readonly Write[]): Web | undefined =>
  writes.reduce<Web | undefined>((live, each, at) => perform(live, each, at), undefined);

const type = objectTypeOf(schema);

describe("after any history of writes", () => {
  test("an apply that was forced has its values, its fields, and is without effect when repeated", () => {
    fc.assert(
      fc.property(history, manifest, (writes, wanted) => {
        const live = perform(replay(writes), { by: "gantry", manifest: wanted, how: "force" }, 10);
        if (live === undefined) throw new Error("a forced apply always has an object");
        expect(mergeValues(live, wanted, type)).toBe(live);
        const present = fieldSetOf(wanted, type);
        const owned = fieldsOwnedBy(live, "gantry", "Apply");
        expect(isEmpty(difference(owned, present))).toBe(true);
        const again = apply(live, "gantry", wanted, { at: 11 });
        expect(again.conflicts).toEqual([]);
        expect(again.object).toBe(live);
      }),
    );
  });

  test("every owned field is there, and whoever changes it as an applier conflicts", () => {
    fc.assert(
      fc.property(history, (writes) => {
        const live = replay(writes);
        for (const entry of live?.metadata.managedFields ?? []) {
          for (const path of pathsOf(fieldsOwnedBy(live as Web, entry.manager ?? ""))) {
            expect([formatFieldPath(path), readFieldPath(live, path)]).not.toEqual([
              formatFieldPath(path),
              undefined,
            ]);
          }
        }
      }),
    );
  });

  test("a refused apply names fields that others own and that it would change", () => {
    fc.assert(
      fc.property(history, manifest, (writes, wanted) => {
        const live = replay(writes);
        const { conflicts, object } = apply(live, "gantry", wanted, { at: 10 });
        if (conflicts.length === 0) return;
        expect(object).toBe(live);
        const { object: forced } = apply(live, "gantry", wanted, { at: 10, force: true });
        for (const { owner, path } of conflicts) {
          expect(owner.manager === "gantry" && owner.operation === "Apply").toBe(false);
          expect(readFieldPath(forced, path)).not.toEqual(readFieldPath(live, path));
        }
      }),
    );
  });

  test("an applier that lets go of everything leaves only what others own", () => {
    fc.assert(
      fc.property(history, (writes) => {
        const live = replay(writes);
        if (live === undefined) return;
        const bare: KubeObject = deepFreeze({ ...identity });
        const { object } = apply(live, "gantry", bare, { at: 10, force: true });
        // With defaults, the elements of lists have all their keys; without, none come back.
        const versions = [object, stored(object)];
        const others = (object.metadata.managedFields ?? []).map(({ fieldsV1 }) =>
          decodeFieldSet(fieldsV1),
        );
        const left = [...pathsOf(fieldsOwnedBy(live, "gantry", "Apply"))].filter((path) =>
          versions.every((version) => readFieldPath(version, path) !== undefined),
        );
        const unowned = left.filter((path) =>
          others.every((set) => nodeAt(set, path) === undefined),
        );
        expect(unowned.map(formatFieldPath)).toEqual([]);
      }),
    );
  });

  test("a change is owned by whoever made it, and by nobody else", () => {
    fc.assert(
      fc.property(history, manifest, (writes, next) => {
        const live = replay(writes);
        const written = perform(live, { by: "writer", manifest: next, how: "update" }, 10);
        if (
          live === undefined ||
          written === undefined ||
          live.metadata.managedFields === undefined
        )
          return;
        const { changed } = compareValues(
          { ...live, metadata: { ...live.metadata, managedFields: undefined } },
          { ...written, metadata: { ...written.metadata, managedFields: undefined } },
          type,
        );
        for (const manager of ["gantry", "other", "third"]) {
          expect(isEmpty(intersection(fieldsOwnedBy(written, manager), changed))).toBe(true);
        }
      }),
    );
  });

  test("no write changes what it was given", () => {
    fc.assert(
      fc.property(history, write, (writes, last) => {
        const live = replay(writes);
        const before = JSON.stringify([live, last]);
        perform(live, last, 10);
        expect(JSON.stringify([live, last])).toBe(before);
      }),
    );
  });
});

/** What a set has at a path or below it. */
function nodeAt(set: FieldSet, path: FieldPath): FieldSet | undefined {
  return path.reduce<FieldSet | undefined>((node, element) => node?.[element], set);
}
