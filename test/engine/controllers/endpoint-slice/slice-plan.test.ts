import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type EndpointGroup,
  MAX_ENDPOINTS,
  planSlices,
  type SlicePlan,
} from "../../../../src/engine/controllers/endpoint-slice/slice-plan.ts";
import { portSetKey } from "../../../../src/engine/controllers/service-endpoints/endpoint-ports.ts";
import type { Endpoint, EndpointSlice } from "../../../../src/kube/kinds/endpointslice.ts";

const metadata = { namespace: "a", generateName: "web-", labels: { l: "1" }, ownerReferences: [] };
const endpoint = (id: number, ready = true): Endpoint => ({
  addresses: [`10.0.${id >> 8}.${id & 255}`],
  conditions: { ready },
  targetRef: { kind: "Pod", uid: `uid-${id}` },
});
const group = (port: number, ids: readonly number[]): EndpointGroup => ({
  ports: [{ name: "http", port, protocol: "TCP" }],
  endpoints: ids.map((id) => endpoint(id)),
});
const plan = (groups: readonly EndpointGroup[], existing: readonly EndpointSlice[]): SlicePlan =>
  planSlices(metadata, "IPv4", groups, existing);

let created = 0;
/** What the API holds after the plan. */
function apply(
  existing: readonly EndpointSlice[],
  { create, update, remove }: SlicePlan,
): EndpointSlice[] {
  const updates = new Map(update.map((slice) => [slice.metadata.name, slice]));
  return [
    ...existing
      .filter((slice) => !remove.includes(slice))
      .map((slice) => updates.get(slice.metadata.name) ?? slice),
    ...create.map((slice) => ({
      ...slice,
      metadata: { ...slice.metadata, name: `s${created++}` },
    })),
  ];
}
const writes = ({ create, update, remove }: SlicePlan): number =>
  create.length + update.length + remove.length;

test("after any sequence of changes the slices hold exactly the wanted endpoints, within bounds", () => {
  const wish = fc.array(
    fc.record({
      port: fc.integer({ min: 1, max: 3 }),
      ids: fc.uniqueArray(fc.nat(300), { maxLength: 250 }),
    }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(fc.array(wish, { minLength: 1, maxLength: 5 }), (wishes) => {
      let slices: EndpointSlice[] = [];
      for (const entries of wishes) {
        const byPort = new Map(
          entries.filter(({ ids }) => ids.length > 0).map(({ port, ids }) => [port, ids]),
        );
        const groups = [...byPort].map(([port, ids]) => group(port, ids));
        slices = apply(slices, plan(groups, slices));
        for (const { ports, endpoints } of groups) {
          const own = slices.filter((slice) => portSetKey(slice.ports) === portSetKey(ports));
          const held = own.flatMap((slice) =>
            slice.endpoints.map(({ targetRef }) => targetRef?.uid),
          );
          expect(held).toHaveLength(endpoints.length);
          expect(new Set(held)).toEqual(new Set(endpoints.map(({ targetRef }) => targetRef?.uid)));
        }
        for (const slice of slices)
          expect(slice.endpoints.length).toBeLessThanOrEqual(MAX_ENDPOINTS);
        const empty = slices.filter((slice) => slice.endpoints.length === 0);
        expect(empty).toHaveLength(groups.length === 0 ? 1 : 0);
        expect(writes(plan(groups, slices))).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
});

test("one changed endpoint rewrites one slice, in place", () => {
  const ids = Array.from({ length: 250 }, (_, i) => i);
  const slices = apply([], plan([group(1, ids)], []));
  expect(slices.map((slice) => slice.endpoints.length)).toEqual([100, 100, 50]);
  const wanted = group(1, ids);
  const changed = {
    ...wanted,
    endpoints: wanted.endpoints.map((e, i) => (i === 120 ? endpoint(120, false) : e)),
  };
  const next = plan([changed], slices);
  expect(writes(next)).toBe(1);
  expect(next.update[0]?.metadata.name).toBe(slices[1]?.metadata.name);
});

test("a new endpoint goes into a slice that is written anyway, rather than into another", () => {
  const ids = Array.from({ length: 150 }, (_, i) => i);
  const slices = apply([], plan([group(1, ids)], []));
  // Number 3 is replaced by number 500: a rollout.
  const next = plan([group(1, [...ids.filter((id) => id !== 3), 500])], slices);
  expect(writes(next)).toBe(1);
});

test("a slice that is not needed any more becomes the one that is", () => {
  const slices = apply([], plan([group(1, [1])], []));
  const next = plan([group(2, [2])], slices);
  expect(next).toMatchObject({ create: [], remove: [], update: [{ ports: [{ port: 2 }] }] });
  expect(writes(plan([], apply(slices, next)))).toBe(1);
});

test("changed labels of the Service reach every slice", () => {
  const slices = apply([], plan([group(1, [1]), group(2, [2])], []));
  const relabeled = planSlices(
    { ...metadata, labels: { l: "2" } },
    "IPv4",
    [group(1, [1]), group(2, [2])],
    slices,
  );
  expect(relabeled.update).toHaveLength(2);
});
