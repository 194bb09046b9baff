/**
 * Random histories, with compactions and restarts, against a twin that keeps every change in one
 * array and works everything out from it.
 */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { LmdbStore } from "../../../src/engine/store/lmdb-store.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import type { MvccStore } from "../../../src/engine/store/mvcc-store.ts";
import {
  CompactedError,
  type ResourceName,
  type StoreEvent,
} from "../../../src/engine/store/store.ts";
import { verifyStore } from "../../../src/engine/store/verify.ts";
import { gadgets, key, specOf, temporaryDirectory, widget, widgets } from "./fixtures.ts";

const resources = [widgets, gadgets];

interface Change {
  readonly revision: number;
  readonly type: "put" | "delete";
  readonly resource: ResourceName;
  readonly path: string;
  readonly size: number;
  readonly ephemeral: boolean;
}

/** The same promises as the store's, kept in the simplest way that could work. */
class Twin {
  changes: Change[] = [];
  revision = 1;
  compacted = 1;
  floors = new Map<ResourceName, number>();

  apply(change: Omit<Change, "revision">): boolean {
    if (change.type === "delete" && this.sizeOf(change.resource, change.path) === undefined)
      return false;
    const size =
      change.type === "put" ? change.size : (this.sizeOf(change.resource, change.path) ?? 0);
    this.changes.push({ ...change, size, revision: ++this.revision });
    return true;
  }
  compact(revision: number): void {
    this.compacted = Math.max(this.compacted, revision);
  }
  restart(): void {
    for (const resource of resources)
      if (
        this.changes.some(
          (change) =>
            change.resource === resource && change.ephemeral && change.revision > this.compacted,
        )
      )
        this.floors.set(resource, this.revision);
  }
  sizeOf(resource: ResourceName, path: string): number | undefined {
    const last = this.changes.findLast((one) => one.resource === resource && one.path === path);
    return last?.type === "put" ? last.size : undefined;
  }
  list(resource: ResourceName, revision: number, namespace?: string): string[] {
    const state = new Map<string, string>();
    for (const change of this.changes) {
      if (change.resource !== resource || change.revision > revision) continue;
      if (change.type === "delete") state.delete(change.path);
      else state.set(change.path, `${change.path} ${change.size} @${change.revision}`);
    }
    return [...state.entries()]
      .filter(([path]) => namespace === undefined || path.startsWith(`${namespace}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, shown]) => shown);
  }
  floor(resource: ResourceName): number {
    return Math.max(this.compacted, this.floors.get(resource) ?? 0);
  }
  events(resource: ResourceName, after: number): string[] {
    return this.changes
      .filter((change) => change.resource === resource && change.revision > after)
      .map((change) => {
        const before = this.changes.findLast(
          (one) =>
            one.resource === resource && one.path === change.path && one.revision < change.revision,
        );
        const previous = before?.type === "put" ? before.revision : "-";
        return `${change.type} ${change.revision} ${change.path} ${change.size} after ${previous}`;
      });
  }
}

function shown({
  type,
  revision,
  key: { namespace, name },
  current,
  previous,
}: StoreEvent): string {
  expect(current.object.metadata.resourceVersion).toBe(String(revision));
  return `${type} ${revision} ${namespace}/${name} ${specOf(current)?.size} after ${previous?.revision ?? "-"}`;
}

function listed(store: MvccStore, resource: ResourceName, revision: number, namespace?: string) {
  return store.listAt(resource, revision, namespace).items.map((item) => {
    const { name, namespace: itsNamespace } = item.object.metadata;
    return `${itsNamespace}/${name} ${specOf(item)?.size} @${item.revision}`;
  });
}

const path = fc.constantFrom("/c", "a/x", "a/y", "b/x", "b/longer-name", "c/x");
const resource = fc.constantFrom(...resources);
const write = fc.record({
  kind: fc.constantFrom(
    "put" as const,
    "put" as const,
    "delete" as const,
    "keep" as const,
    "throw" as const,
  ),
  path,
  resource,
  size: fc.nat(99),
  ephemeral: fc.boolean(),
});
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ writes: fc.array(write, { minLength: 1, maxLength: 8 }) }) },
  // A part of the way from the oldest retained revision to the newest.
  { weight: 2, arbitrary: fc.record({ compact: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 2, arbitrary: fc.record({ look: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ restart: fc.constant(true) }) },
);
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function writeAll(store: MvccStore, twin: Twin, writes: readonly Write[]): Promise<void> {
  const results = writes.map(({ kind, path, resource, size, ephemeral }) => {
    const revisionBefore = twin.revision;
    const changed =
      (kind === "put" || kind === "delete") &&
      twin.apply({ type: kind, resource, path, size, ephemeral });
    const expected = twin.sizeOf(resource, path);
    const revision = twin.revision;
    const result = store.write(
      key(path, resource),
      (current) => {
        if (kind === "throw") throw new Error("thrown");
        if (kind === "put") return { put: widget(path, size) };
        if (kind === "delete") return { delete: true };
        expect(specOf(current)?.size).toBe(expected);
        return { keep: true };
      },
      { ephemeral },
    );
    return result.then(
      ({ stored, changed: really }) => {
        expect(kind).not.toBe("throw");
        expect(really).toBe(changed);
        if (changed) expect(stored?.revision).toBe(revision);
        else if (kind === "keep") expect(specOf(stored)?.size).toBe(expected);
      },
      (error: unknown) => {
        if (kind !== "throw") throw error;
        expect(twin.revision).toBeGreaterThanOrEqual(revisionBefore);
      },
    );
  });
  await Promise.all(results);
}

function compare(store: MvccStore, twin: Twin): void {
  expect(store.revision).toBe(twin.revision);
  expect(store.compactedRevision).toBe(twin.compacted);
  for (const resource of resources) {
    for (const namespace of [undefined, "", "a", "b"]) {
      const expected = twin.list(resource, twin.revision, namespace);
      expect(listed(store, resource, store.revision, namespace)).toEqual(expected);
      expect(store.count(resource, namespace)).toBe(expected.length);
    }
    const floor = twin.floor(resource);
    const events: string[] = [];
    store.watch(resource, floor, (event) => events.push(shown(event)))();
    expect(events).toEqual(twin.events(resource, floor));
  }
}

function look(store: MvccStore, twin: Twin, part: number): void {
  for (const resource of resources) {
    const floor = twin.floor(resource);
    const revision = floor + Math.round(part * (twin.revision - floor));
    expect(listed(store, resource, revision)).toEqual(twin.list(resource, revision));
    expect(listed(store, resource, revision, "a")).toEqual(twin.list(resource, revision, "a"));
    const events: string[] = [];
    store.watch(resource, revision, (event) => events.push(shown(event)))();
    expect(events).toEqual(twin.events(resource, revision));
    expect(() => store.watch(resource, floor - 1, () => {})).toThrow(CompactedError);
    expect(() => store.listAt(resource, floor - 1)).toThrow(CompactedError);
  }
}

async function check(
  operations: readonly Operation[],
  open: () => Promise<MvccStore>,
  restarts: boolean,
): Promise<void> {
  const twin = new Twin();
  let store = await open();
  let since = store.revision;
  let live: string[] = [];
  const follow = (): void => {
    since = store.revision;
    live = [];
    for (const resource of resources)
      store.watch(resource, since, (event) => live.push(shown(event)));
  };
  follow();
  for (const step of operations) {
    if ("writes" in step) await writeAll(store, twin, step.writes);
    else if ("look" in step) look(store, twin, step.look);
    else if ("compact" in step) {
      const revision = twin.compacted + Math.round(step.compact * (twin.revision - twin.compacted));
      twin.compact(revision);
      await store.compact(revision);
    } else if (restarts) {
      await store.close();
      store = await open();
      twin.restart();
      follow();
    }
    compare(store, twin);
    const expected = resources.flatMap((resource) => twin.events(resource, since));
    const revisionOf = (line: string): number => Number(line.split(" ")[1]);
    expect(live).toEqual(expected.toSorted((a, b) => revisionOf(a) - revisionOf(b)));
  }
  if (store instanceof LmdbStore) expect((await verifyStore(store)).problems).toEqual([]);
  await store.close();
}

const operations = fc.array(operation, { minLength: 1, maxLength: 40, size: "max" });
const { directory, removeDirectory } = temporaryDirectory();
afterAll(removeDirectory);

test("MemoryStore keeps every promise the model keeps", async () => {
  const property = fc.asyncProperty(operations, (steps) =>
    check(steps, () => Promise.resolve(new MemoryStore()), false),
  );
  await expect(fc.assert(property, { numRuns: 150 })).resolves.toBeUndefined();
});

test("LmdbStore keeps them too, across restarts", async () => {
  let run = 0;
  const property = fc.asyncProperty(operations, (steps) => {
    const own = `${directory}/${++run}`;
    return check(steps, () => LmdbStore.open({ directory: own }), true);
  });
  await expect(fc.assert(property, { numRuns: 80 })).resolves.toBeUndefined();
});
