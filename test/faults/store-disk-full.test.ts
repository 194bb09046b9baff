/** On a file system of 3 MB, which takes root to mount: skipped, visibly, elsewhere. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { StoreUnavailableError } from "../../src/engine/store/store.ts";
import { verifyStore } from "../../src/engine/store/verify.ts";
import {
  key,
  paths,
  put,
  recorded,
  specOf,
  temporaryDirectory,
  widget,
  widgets,
} from "../engine/store/fixtures.ts";
import { ManualClock } from "../manual-clock.ts";

const canMount = process.platform === "linux" && process.getuid?.() === 0 && mountWorks();

function mountWorks(): boolean {
  const { directory, removeDirectory } = temporaryDirectory();
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", directory], { stdio: "ignore" });
    execFileSync("umount", [directory]);
    return true;
  } catch {
    return false;
  } finally {
    removeDirectory();
  }
}

describe.skipIf(!canMount)("on a full disk", () => {
  let mount: string;
  let removeDirectory: () => void;
  let store: LmdbStore;
  let clock: ManualClock;
  beforeEach(async () => {
    // lmdb-js prints every failed commit, besides rejecting its promise.
    vi.spyOn(console, "error").mockImplementation(() => {});
    ({ directory: mount, removeDirectory } = temporaryDirectory());
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", mount]);
    mkdirSync(join(mount, "other"));
    writeFileSync(join(mount, "other/ballast"), Buffer.alloc(1_000_000));
    clock = new ManualClock();
    store = await LmdbStore.open({ directory: join(mount, "db"), clock });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    try {
      await store.close();
    } finally {
      execFileSync("umount", [mount]);
      removeDirectory();
    }
  });

  /** Writes until the disk is full; returns what was acknowledged and the refusal. */
  async function fill(): Promise<{ acknowledged: string[]; refusal: unknown }> {
    const acknowledged: string[] = [];
    for (let n = 0; ; n++) {
      const path = `a/w${String(n).padStart(5, "0")}`;
      try {
        await store.write(key(path), () => ({ put: widget(path, n, "x".repeat(3000)) }));
        acknowledged.push(path);
      } catch (refusal) {
        return { acknowledged, refusal };
      }
    }
  }

  test("writes are refused with the reason, nothing acknowledged is lost, reads go on", async () => {
    const events = recorded(store, 1);
    const { acknowledged, refusal } = await fill();
    expect(refusal).toBeInstanceOf(StoreUnavailableError);
    expect(String(refusal)).toMatch(/disk that holds .*store\.mdb is full: free some space in/);
    expect(store.health()).toMatchObject({ writable: false, reason: (refusal as Error).message });
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(paths(store)).toEqual(acknowledged);
    expect(events).toHaveLength(acknowledged.length);
    expect(store.revision).toBe(acknowledged.length + 1);
    expect((await verifyStore(store)).problems).toEqual([]);
  });

  test("all of a batch that did not fit is refused, and none of it is seen", async () => {
    const { acknowledged } = await fill();
    await clock.advance(1000);
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        store.write(key(`b/w${n}`), () => ({ put: widget(`b/w${n}`, n, "x".repeat(30_000)) })),
      ),
    );
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    expect(paths(store)).toEqual(acknowledged);
  });

  test("writing goes on by itself when space returns, with the revisions that follow", async () => {
    const { acknowledged } = await fill();
    const before = store.revision;
    rmSync(join(mount, "other/ballast"));
    // Not tried again at once: a full disk is not helped by being asked thousands of times.
    await expect(put(store, "a/early")).rejects.toThrow(StoreUnavailableError);
    await clock.advance(1000);
    expect(store.health()).toEqual({ writable: true });
    expect((await put(store, "a/later", 7)).stored?.revision).toBe(before + 1);
    expect((await verifyStore(store)).problems).toEqual([]);

    await store.close();
    store = await LmdbStore.open({ directory: join(mount, "db"), clock });
    expect(paths(store)).toEqual(["a/later", ...acknowledged].toSorted());
    expect(specOf(store.get(key("a/later")))?.size).toBe(7);
  });

  test("a write itself finds out that space has returned", async () => {
    await fill();
    rmSync(join(mount, "other/ballast"));
    await clock.advance(1000);
    expect((await put(store, "a/later")).changed).toBe(true);
  });

  test("full, emptied and filled again, many times over", async () => {
    for (let round = 0; round < 10; round++) {
      const { acknowledged } = await fill();
      if (round % 2 === 0) rmSync(join(mount, "other/ballast"), { force: true });
      else writeBallast();
      await clock.advance(1000);
      store.health();
      expect(acknowledged.length + round).toBeGreaterThan(0);
      expect((await verifyStore(store)).problems).toEqual([]);
    }
    await store.close();
    const { problems, revision } = await verifyStore(join(mount, "db"));
    expect(problems).toEqual([]);
    expect(revision).toBe(store.revision);
  });

  test("a server that cannot start because the disk is full says so, and can once it is not", async () => {
    const { acknowledged } = await fill();
    await store.close();
    fillRest();
    await expect(LmdbStore.open({ directory: join(mount, "db"), clock })).rejects.toThrow(
      /disk that holds .*store\.mdb is full: free some space in .*, then start again/,
    );
    rmSync(join(mount, "other/rest"));
    rmSync(join(mount, "other/ballast"));
    store = await LmdbStore.open({ directory: join(mount, "db"), clock });
    expect(store.list(widgets).items).toHaveLength(acknowledged.length);
  });

  /** Not a single page is left after this. */
  function fillRest(): void {
    for (const size of [4096, 1]) {
      const append = (): void => appendFileSync(join(mount, "other/rest"), Buffer.alloc(size));
      expect(() => {
        for (;;) append();
      }).toThrow("ENOSPC");
    }
  }

  function writeBallast(): void {
    try {
      writeFileSync(join(mount, "other/ballast"), Buffer.alloc(1_000_000));
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    }
  }
});
