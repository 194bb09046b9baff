/** What only a store with a disk can get wrong: what is there, and what is not, after a restart. */
import { statSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseFile } from "../../../src/engine/store/lmdb-database.ts";
import { LmdbStore } from "../../../src/engine/store/lmdb-store.ts";
import { CompactedError, type WriteResult } from "../../../src/engine/store/store.ts";
import { verifyStore } from "../../../src/engine/store/verify.ts";
import {
  gadgets,
  key,
  line,
  paths,
  put,
  recorded,
  remove,
  specOf,
  temporaryDirectory,
  widget,
  widgets,
} from "./fixtures.ts";

let directory: string;
let removeDirectory: () => void;
let store: LmdbStore;
beforeEach(async () => {
  ({ directory, removeDirectory } = temporaryDirectory());
  store = await LmdbStore.open({ directory });
});
afterEach(async () => {
  expect((await verifyStore(store)).problems).toEqual([]);
  await store.close();
  removeDirectory();
});

async function restart(): Promise<void> {
  await store.close();
  store = await LmdbStore.open({ directory });
}

function renew(path: string, size: number): Promise<WriteResult> {
  return store.write(key(path), () => ({ put: widget(path, size) }), { ephemeral: true });
}

test("objects, their revisions and their history are all there again", async () => {
  await put(store, "a/b", 1);
  await put(store, "a/c", 2);
  await put(store, "a/b", 3);
  await remove(store, "a/c");
  const before = recorded(store, 1);
  await restart();
  expect(store.revision).toBe(5);
  expect(store.get(key("a/b"))?.revision).toBe(4);
  expect(Object.isFrozen(specOf(store.get(key("a/b"))))).toBe(true);
  expect(recorded(store, 1)).toEqual(before);
  expect(store.listAt(widgets, 3).items).toHaveLength(2);
});

test("text of all planes and large objects come back as they were", async () => {
  const text = 'é\u0000"\\ 🐘 \u2028 '.repeat(50_000);
  await store.write(key("a/b"), () => ({ put: widget("a/b", 1, text) }));
  const before = store.get(key("a/b"))?.json;
  await restart();
  expect(specOf(store.get(key("a/b")))?.text).toBe(text);
  expect(before !== undefined && store.get(key("a/b"))?.json.equals(before)).toBe(true);
});

test("what history is retained is retained over restarts, and what is compacted stays so", async () => {
  for (let size = 1; size <= 5; size++) await put(store, "a/b", size);
  await store.compact(4);
  await restart();
  expect(store.compactedRevision).toBe(4);
  expect(recorded(store, 4).map(line)).toEqual(["put 5 a/b 4", "put 6 a/b 5"]);
  expect(recorded(store, 4)[0]?.previous?.revision).toBe(4);
  expect(() => recorded(store, 3)).toThrow(new CompactedError(4));
});

test("a revision is not used again after the newest ones were deleted and compacted", async () => {
  await put(store, "a/b");
  await remove(store, "a/b");
  await store.compact(3);
  expect(store.durableContent().records).toEqual([]);
  await restart();
  expect(store.revision).toBe(3);
  expect((await put(store, "a/b")).stored?.revision).toBe(4);
});

test("compaction leaves the newest revision of what exists, and nothing else", async () => {
  await Promise.all(Array.from({ length: 2000 }, (_, n) => put(store, `a/w${n % 10}`, n)));
  await Promise.all(Array.from({ length: 5 }, (_, n) => remove(store, `a/w${n}`)));
  await store.compact(store.revision);
  expect(store.durableContent().records).toHaveLength(5);
  await restart();
  expect(paths(store)).toEqual(["a/w5", "a/w6", "a/w7", "a/w8", "a/w9"]);
});

test("of an ephemeral key one revision is durable, however often it is written", async () => {
  await renew("a/lease", 0);
  await Promise.all(Array.from({ length: 100 }, (_, n) => renew("a/lease", n)));
  for (let size = 0; size < 20; size++) await renew("a/lease", size);
  expect(store.durableContent().records).toHaveLength(1);
  await restart();
  expect(specOf(store.get(key("a/lease")))?.size).toBe(19);
});

test("after a restart history of a resource with ephemeral changes starts there, and says so", async () => {
  await put(store, "a/other", 1, gadgets);
  await renew("a/lease", 1);
  await renew("a/lease", 2);
  expect(recorded(store, 1).map(line)).toEqual(["put 3 a/lease 1", "put 4 a/lease 2"]);
  await restart();
  expect(() => recorded(store, 3)).toThrow(new CompactedError(4));
  expect(() => store.listAt(widgets, 3)).toThrow(CompactedError);
  const events = recorded(store, 4);
  await renew("a/lease", 3);
  expect(events.map(line)).toEqual(["put 5 a/lease 3"]);
  expect(events[0]?.previous?.revision).toBe(4);
  expect(recorded(store, 1, gadgets).map(line)).toEqual(["put 2 a/other 1"]);
});

test("an ephemeral object that is deleted leaves no gap that looks like none", async () => {
  await renew("a/lease", 1);
  await store.write(key("a/lease"), () => ({ delete: true }), { ephemeral: true });
  await restart();
  expect(store.get(key("a/lease"))).toBeUndefined();
  expect(() => recorded(store, 1)).toThrow(new CompactedError(3));
});

test("the file does not grow with the number of changes", async () => {
  const change = (from: number): Promise<unknown> =>
    Promise.all(Array.from({ length: 2000 }, (_, n) => put(store, `a/w${n % 50}`, from + n)));
  await change(0);
  await store.compact(store.revision);
  const sizeBytes = statSync(databaseFile(directory)).size;
  for (let round = 1; round <= 10; round++) {
    await change(round * 2000);
    await store.compact(store.revision);
  }
  expect(statSync(databaseFile(directory)).size).toBeLessThan(sizeBytes * 2);
});

test("thousands of objects survive several restarts", async () => {
  await Promise.all(Array.from({ length: 5000 }, (_, n) => put(store, `ns${n % 20}/w${n}`, n)));
  await restart();
  await Promise.all(Array.from({ length: 2500 }, (_, n) => remove(store, `ns${n % 20}/w${n}`)));
  await restart();
  expect(store.count(widgets)).toBe(2500);
  expect(store.revision).toBe(7501);
});
