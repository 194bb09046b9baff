/** One suite for both stores. Every test ends with a comparison of memory and disk, where there is one. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LmdbStore } from "../../../src/engine/store/lmdb-store.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import type { MvccStore, MvccStoreOptions } from "../../../src/engine/store/mvcc-store.ts";
import {
  CompactedError,
  type StoreEvent,
  StoreUnavailableError,
} from "../../../src/engine/store/store.ts";
import { verifyStore } from "../../../src/engine/store/verify.ts";
import {
  gadgets,
  keep,
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

interface Opened {
  readonly store: MvccStore;
  readonly finish: () => Promise<void>;
}

const implementations: [string, (options?: MvccStoreOptions) => Promise<Opened>][] = [
  [
    "MemoryStore",
    (options) => {
      const store = new MemoryStore(options);
      return Promise.resolve({ store, finish: () => store.close() });
    },
  ],
  [
    "LmdbStore",
    async (options) => {
      const { directory, removeDirectory } = temporaryDirectory();
      const store = await LmdbStore.open({ directory, ...options });
      const finish = async (): Promise<void> => {
        if (store.health().writable) expect((await verifyStore(store)).problems).toEqual([]);
        await store.close();
        expect((await verifyStore(directory)).problems).toEqual([]);
        removeDirectory();
      };
      return { store, finish };
    },
  ],
];

describe.each(implementations)("%s", (_, open) => {
  let store: MvccStore;
  let finish: () => Promise<void>;
  beforeEach(async () => {
    ({ store, finish } = await open());
  });
  afterEach(() => finish());

  test("is at revision 1 when empty, and has nothing", () => {
    expect(store.revision).toBe(1);
    expect(store.get(key("a/b"))).toBeUndefined();
    expect(store.list(widgets)).toEqual({ revision: 1, items: [] });
    expect(store.listAt(widgets, 1)).toEqual({ revision: 1, items: [] });
    expect(store.count(widgets)).toBe(0);
  });

  test("a put object carries its revision, is frozen, and comes with its JSON", async () => {
    const { stored, changed } = await put(store, "a/b", 3);
    expect(changed).toBe(true);
    expect(stored?.revision).toBe(2);
    expect(stored?.object.metadata.resourceVersion).toBe("2");
    expect(Object.isFrozen(specOf(stored))).toBe(true);
    expect(JSON.parse(stored?.json.toString() ?? "")).toEqual(stored?.object);
    expect(store.get(key("a/b"))).toBe(stored);
    expect(store.revision).toBe(2);
  });

  test("each change takes the next revision, across resources", async () => {
    const results = [
      await put(store, "a/b"),
      await put(store, "a/b", 1, gadgets),
      await remove(store, "a/b"),
      await put(store, "a/b"),
    ];
    expect(results.map(({ stored }) => stored?.revision)).toEqual([2, 3, 4, 5]);
  });

  test("a mutation sees the state that earlier writes of the same batch left", async () => {
    const increment = () =>
      store.write(key("a/counter"), (current) => ({
        put: widget("a/counter", (specOf(current)?.size ?? 0) + 1),
      }));
    const results = await Promise.all(Array.from({ length: 1000 }, increment));
    expect(specOf(store.get(key("a/counter")))?.size).toBe(1000);
    expect(new Set(results.map(({ stored }) => stored?.revision)).size).toBe(1000);
  });

  test("of many writers that insist on one revision, exactly one wins", async () => {
    await put(store, "a/b");
    const attempt = (size: number) =>
      store.write(key("a/b"), (current) => {
        if (current?.revision !== 2) throw new Error("conflict");
        return { put: widget("a/b", size) };
      });
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => attempt(n)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(store.revision).toBe(3);
  });

  test("a mutation that throws rejects its own write only", async () => {
    const results = await Promise.allSettled([
      put(store, "a/one"),
      store.write(key("a/two"), () => {
        throw new TypeError("no");
      }),
      put(store, "a/three"),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: new TypeError("no") });
    expect(paths(store)).toEqual(["a/one", "a/three"]);
    expect(store.revision).toBe(3);
  });

  test("keep changes nothing and nobody hears of it", async () => {
    await put(store, "a/b", 3);
    const events = recorded(store, 2);
    const kept = await store.write(key("a/b"), keep);
    const absent = await store.write(key("a/absent"), keep);
    expect(kept).toEqual({ stored: store.get(key("a/b")), changed: false });
    expect(absent).toEqual({ stored: undefined, changed: false });
    expect(store.revision).toBe(2);
    expect(events).toEqual([]);
  });

  test("a deletion returns the last state with the deletion's revision", async () => {
    await put(store, "a/b", 3);
    const { stored, changed } = await remove(store, "a/b");
    expect(changed).toBe(true);
    expect(stored?.object).toMatchObject({ metadata: { resourceVersion: "3" }, spec: { size: 3 } });
    expect(store.get(key("a/b"))).toBeUndefined();
  });

  test("deleting what is not there changes nothing", async () => {
    expect(await remove(store, "a/b")).toEqual({ stored: undefined, changed: false });
    expect(store.revision).toBe(1);
  });

  test("a key with an empty or ambiguous part is refused", async () => {
    const bad = [key("a/"), { ...key("a/b"), name: "b/c" }, { ...key("a/b"), plural: "" }];
    for (const one of bad) await expect(store.write(one, keep)).rejects.toThrow("not a store key");
  });

  test("lists are ordered by namespace, then name, whatever the order of writing", async () => {
    for (const path of ["b/z", "a/y", "b/a", "/cluster", "a/x", "a/xy"]) await put(store, path);
    expect(paths(store)).toEqual(["/cluster", "a/x", "a/xy", "a/y", "b/a", "b/z"]);
    expect(paths(store, "b")).toEqual(["b/a", "b/z"]);
    expect(paths(store, "none")).toEqual([]);
    await remove(store, "a/x");
    await put(store, "a/w");
    await put(store, "a/x");
    expect(paths(store, "a")).toEqual(["a/w", "a/x", "a/xy", "a/y"]);
    expect(store.count(widgets)).toBe(7);
    expect(store.count(widgets, "a")).toBe(4);
  });

  test("a list that was handed out does not change", async () => {
    await put(store, "a/b", 1);
    const before = store.list(widgets);
    await put(store, "a/b", 2);
    await put(store, "a/c", 1);
    expect(before.items.map((item) => specOf(item)?.size)).toEqual([1]);
  });

  test("listAt shows every retained revision as it was", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/c", 2);
    await put(store, "a/b", 3);
    await remove(store, "a/c");
    await put(store, "x/c", 4);
    const at = (revision: number, namespace?: string): string[] =>
      store
        .listAt(widgets, revision, namespace)
        .items.map((item) => `${item.object.metadata.name}${specOf(item)?.size}`);
    expect([1, 2, 3, 4, 5, 6].map((revision) => at(revision).join(" "))).toEqual([
      "",
      "b1",
      "b1 c2",
      "b3 c2",
      "b3",
      "b3 c4",
    ]);
    expect(at(6, "x")).toEqual(["c4"]);
    expect(at(4, "x")).toEqual([]);
    expect(store.listAt(widgets, 3).revision).toBe(3);
    expect(() => store.listAt(widgets, 7)).toThrow(RangeError);
  });

  test("a watch gets history first, then live events, without a gap", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/b", 2, gadgets);
    await remove(store, "a/b");
    const events = recorded(store, 1);
    expect(events.map(line)).toEqual(["put 2 a/b 1", "delete 4 a/b 1"]);
    await put(store, "a/c", 5);
    expect(events.map(line)).toEqual(["put 2 a/b 1", "delete 4 a/b 1", "put 5 a/c 5"]);
    expect(recorded(store, 4).map(line)).toEqual(["put 5 a/c 5"]);
  });

  test("events carry the state before and after", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/b", 2);
    await remove(store, "a/b");
    await put(store, "a/b", 3);
    const [created, updated, deleted, again] = recorded(store, 1);
    expect(created?.previous).toBeUndefined();
    expect(updated?.previous).toBe(created?.current);
    expect(deleted?.previous).toBe(updated?.current);
    expect(deleted?.current.object.metadata.resourceVersion).toBe("4");
    expect(again?.previous).toBeUndefined();
  });

  test("listeners are called before the write's promise resolves, when reads show the change", async () => {
    const seen: unknown[] = [];
    store.watch(widgets, 1, ({ current }) => seen.push(store.get(key("a/b")) === current));
    const written = put(store, "a/b").then(() => seen.push("written"));
    await written;
    expect(seen).toEqual([true, "written"]);
  });

  test("a watch from a future revision never delivers older events", async () => {
    await put(store, "a/b", 1);
    const events = recorded(store, 3);
    await put(store, "a/b", 2);
    await put(store, "a/b", 3);
    expect(events.map(line)).toEqual(["put 4 a/b 3"]);
  });

  test("a watch started by a listener in the middle of a batch gets each event once", async () => {
    const late: StoreEvent[] = [];
    let started = false;
    store.watch(widgets, 1, () => {
      if (started) return;
      started = true;
      store.watch(widgets, 1, (event) => late.push(event));
    });
    await Promise.all([put(store, "a/b", 1), put(store, "a/c", 2), put(store, "a/d", 3)]);
    expect(late.map(line)).toEqual(["put 2 a/b 1", "put 3 a/c 2", "put 4 a/d 3"]);
  });

  test("a stopped watch is silent at once, in the middle of history and of a batch", async () => {
    const events: string[] = [];
    const stop = store.watch(widgets, 1, (event) => {
      events.push(line(event));
      if (events.length === 2) stop();
    });
    await Promise.all([put(store, "a/b", 1), put(store, "a/c", 2), put(store, "a/d", 3)]);
    expect(events).toEqual(["put 2 a/b 1", "put 3 a/c 2"]);
  });

  test("all watchers of a resource see the same order", async () => {
    const streams = Array.from({ length: 5 }, () => recorded(store, 1));
    await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        n % 7 === 0 ? remove(store, `a/w${n % 10}`) : put(store, `a/w${n % 10}`, n),
      ),
    );
    const expected = recorded(store, 1).map(line);
    for (const stream of streams) expect(stream.map(line)).toEqual(expected);
    expect(store.revision).toBe(expected.length + 1);
  });

  test("compaction forgets history up to its revision and nothing else", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/b", 2);
    await remove(store, "a/b");
    await put(store, "a/c", 3);
    await store.compact(4);
    expect(store.compactedRevision).toBe(4);
    expect(paths(store)).toEqual(["a/c"]);
    expect(() => recorded(store, 3)).toThrow(new CompactedError(4));
    expect(() => store.listAt(widgets, 3)).toThrow(CompactedError);
    expect(recorded(store, 4).map(line)).toEqual(["put 5 a/c 3"]);
    expect(store.listAt(widgets, 4).items).toEqual([]);
  });

  test("a listAt that was answered before a compaction is not answered from memory after it", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/b", 2);
    expect(store.listAt(widgets, 2).items).toHaveLength(1);
    await store.compact(3);
    expect(() => store.listAt(widgets, 2)).toThrow(CompactedError);
  });

  test("a watcher that is behind nothing keeps running through a compaction", async () => {
    const events = recorded(store, 1);
    await put(store, "a/b", 1);
    await store.compact(store.revision);
    await put(store, "a/b", 2);
    expect(events.map(line)).toEqual(["put 2 a/b 1", "put 3 a/b 2"]);
    expect(events[1]?.previous?.revision).toBe(2);
  });

  test("compacting twice, backwards or the future", async () => {
    await put(store, "a/b", 1);
    await put(store, "a/b", 2);
    await store.compact(3);
    await store.compact(2);
    await store.compact(3);
    expect(store.compactedRevision).toBe(3);
    await expect(store.compact(4)).rejects.toThrow(RangeError);
  });

  test("compaction of thousands of revisions lets writes through between its steps", async () => {
    await Promise.all(Array.from({ length: 3000 }, (_, n) => put(store, `a/w${n % 5}`, n)));
    let compacted = false;
    const compaction = store.compact(store.revision).then(() => {
      compacted = true;
    });
    await put(store, "a/during");
    expect(compacted).toBe(false);
    await compaction;
    expect(paths(store)).toEqual(["a/during", "a/w0", "a/w1", "a/w2", "a/w3", "a/w4"]);
  });

  test("ephemeral writes are watched like any other while the store runs", async () => {
    const renew = (size: number) =>
      store.write(key("a/lease"), () => ({ put: widget("a/lease", size) }), { ephemeral: true });
    await renew(1);
    await renew(2);
    await renew(3);
    await store.write(key("a/lease"), () => ({ delete: true }), { ephemeral: true });
    expect(recorded(store, 2).map(line)).toEqual([
      "put 3 a/lease 2",
      "put 4 a/lease 3",
      "delete 5 a/lease 3",
    ]);
  });

  test("close lets accepted writes finish, ends watches and refuses new writes", async () => {
    const events = recorded(store, 1);
    const accepted = put(store, "a/b");
    await store.close();
    expect((await accepted).changed).toBe(true);
    expect(events).toHaveLength(1);
    await expect(put(store, "a/c")).rejects.toThrow(StoreUnavailableError);
    await expect(store.compact(2)).rejects.toThrow(StoreUnavailableError);
    expect(store.get(key("a/b"))).toBeDefined();
    expect(store.health()).toMatchObject({ writable: false });
  });

  test("an object of more than a megabyte, and one with text of all planes, come back unchanged", async () => {
    const text = "x".repeat(1_500_000);
    const odd = 'é\u0000"\\ 🐘 \u2028 ' + "漢字".repeat(100);
    await store.write(key("a/large"), () => ({ put: widget("a/large", 1, text) }));
    await store.write(key("a/odd"), () => ({ put: widget("a/odd", 1, odd) }));
    expect(specOf(store.get(key("a/large")))?.text).toBe(text);
    expect(specOf(store.get(key("a/odd")))?.text).toBe(odd);
  });
});
