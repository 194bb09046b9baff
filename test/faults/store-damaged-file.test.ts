/** Whatever was done to the database file: one clear error, or all data intact; never a crash. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { databaseFile } from "../../src/engine/store/lmdb-database.ts";
import { scanLmdbFile } from "../../src/engine/store/lmdb-file-scan.ts";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { StoreCorruptError } from "../../src/engine/store/store-corrupt-error.ts";
import { StoreUnavailableError } from "../../src/engine/store/store.ts";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { key, paths, put, remove, temporaryDirectory, widget } from "../engine/store/fixtures.ts";
import { buildWriter, startWriter } from "./store-writer-process.ts";

const OBJECTS = 600;
/** Of the pages, those that get bytes overwritten one after the other. */
const DAMAGES = 60;
/** Of the 2,176 bits of both meta pages, every so many-th is flipped: a prime, to meet each kind. */
const BIT_STRIDE = 37;
const META_BITS = 136 * 8;

let directory: string;
let removeDirectory: () => void;
/** A good database, with large objects, deletions and free pages, that each test gets a copy of. */
let original: string;
let removeOriginal: () => void;

beforeAll(async () => {
  ({ directory: original, removeDirectory: removeOriginal } = temporaryDirectory());
  const store = await LmdbStore.open({ directory: original });
  await Promise.all(
    Array.from({ length: OBJECTS }, (_, n) =>
      store.write(key(`a/w${n}`), () => ({
        put: widget(`a/w${n}`, n, "x".repeat(n % 10 === 0 ? 20_000 : 500)),
      })),
    ),
  );
  for (let n = 0; n < OBJECTS; n += 3) await remove(store, `a/w${n}`);
  await store.compact(store.revision - 10);
  await store.close();
});
afterAll(() => removeOriginal());
beforeEach(() => {
  ({ directory, removeDirectory } = temporaryDirectory());
  copyFileSync(databaseFile(original), databaseFile(directory));
});
afterEach(() => removeDirectory());

function sizeBytes(): number {
  return statSync(databaseFile(directory)).size;
}

async function openError(): Promise<unknown> {
  try {
    await (await LmdbStore.open({ directory })).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What the store says when it refuses to open. */
async function refusal(): Promise<string> {
  const before = readFileSync(databaseFile(directory));
  const error = await openError();
  expect(error).toBeInstanceOf(StoreCorruptError);
  const { message } = error as StoreCorruptError;
  expect(message).toContain(databaseFile(directory));
  expect(message).toMatch(/Restore the file from a backup, or move it away/);
  // Nothing was changed, the lock is free, and the checker reports the same.
  expect(readFileSync(databaseFile(directory)).equals(before)).toBe(true);
  expect((await verifyStore(directory)).problems).toEqual([message]);
  return message;
}

test("an undamaged copy opens, so the refusals below mean something", async () => {
  expect(await openError()).toBeUndefined();
  expect((await verifyStore(directory)).problems).toEqual([]);
});

describe("is refused:", () => {
  test("a file of another kind", async () => {
    writeFileSync(databaseFile(directory), "this is no database\n".repeat(1000));
    expect(await refusal()).toMatch("is no LMDB file");
  });

  test("an empty file, which a store never leaves behind", async () => {
    truncateSync(databaseFile(directory), 0);
    expect(await refusal()).toMatch("it is truncated: meta page 0 is missing");
  });

  test.each([0.01, 0.1, 0.5, 0.9])("a file of which %f is left", async (part) => {
    truncateSync(databaseFile(directory), Math.floor(sizeBytes() * part));
    expect(await refusal()).toMatch(/truncated/);
  });

  test("a file whose first pages are zeroes", async () => {
    const bytes = readFileSync(databaseFile(directory));
    writeFileSync(databaseFile(directory), bytes.fill(0, 0, 16384));
    expect(await refusal()).toMatch("is no LMDB file");
  });

  test("a flipped bit in an object", async () => {
    const bytes = readFileSync(databaseFile(directory));
    // It is there more than once: in pages that were freed, too.
    for (let at = bytes.indexOf('"name":"w7"'); at >= 0; at = bytes.indexOf('"name":"w7"', at))
      bytes[at + 9] = (bytes[at + 9] ?? 0) ^ 1;
    writeFileSync(databaseFile(directory), bytes);
    expect(await refusal()).toMatch(/the record of revision \d+: its checksum does not match/);
  });

  test("a database of another program", async () => {
    const program = `
      import { open } from "lmdb";
      const database = open({ path: process.argv[1], noSubdir: true });
      await database.put("some", "thing");
      await database.close();`;
    rmSync(databaseFile(directory));
    const file = databaseFile(directory);
    const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", program, file]);
    expect(status).toBe(0);
    expect(await refusal()).toMatch(/its header is missing|what the store never does/);
  });
});

test("garbage anywhere in the file is noticed or harmless, and never ends the process", async () => {
  const good = readFileSync(databaseFile(directory));
  const { pageSizeBytes } = scanLmdbFile(databaseFile(directory), () => {});
  const intact = await stateAfterUse();
  writeFileSync(databaseFile(directory), good);
  let noticed = 0;
  for (let damage = 0; damage < DAMAGES; damage++) {
    const bytes = Buffer.from(good);
    // Headers of pages and entries are where LMDB trusts most: every other one is in the first bytes.
    const page = (damage * 7919) % (good.length / pageSizeBytes);
    const within = damage % 2 === 0 ? damage % 64 : (damage * 104_729) % pageSizeBytes;
    const value = damage % 3 === 0 ? 0xff : damage % 3 === 1 ? 0 : damage;
    bytes.fill(value & 0xff, page * pageSizeBytes + within, page * pageSizeBytes + within + 8);
    writeFileSync(databaseFile(directory), bytes);
    const error = await openError();
    if (error === undefined) expect(await stateAfterUse()).toEqual(intact);
    else {
      noticed++;
      expect(error).toBeInstanceOf(StoreCorruptError);
    }
  }
  expect(noticed).toBeGreaterThan(DAMAGES / 4);
});

test("so is any flipped bit in the pages that say where everything is", async () => {
  const good = readFileSync(databaseFile(directory));
  const { pageSizeBytes } = scanLmdbFile(databaseFile(directory), () => {});
  const intact = await stateAfterUse();
  let noticed = 0;
  for (let bit = 0; bit < 2 * META_BITS; bit += BIT_STRIDE) {
    const bytes = Buffer.from(good);
    const at = Math.floor(bit / META_BITS) * pageSizeBytes + Math.floor((bit % META_BITS) / 8);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
    writeFileSync(databaseFile(directory), bytes);
    const error = await openError();
    if (error === undefined) expect(await stateAfterUse()).toEqual(intact);
    else noticed++;
  }
  expect(noticed).toBeGreaterThan(META_BITS / BIT_STRIDE / 2);
});

/** What is there, once writes and deletions have gone through many of its pages. */
async function stateAfterUse(): Promise<string[]> {
  const store = await LmdbStore.open({ directory });
  const state = paths(store);
  await Promise.all(state.slice(0, 100).map((path) => put(store, path, 2)));
  await Promise.all(Array.from({ length: 20 }, (_, n) => put(store, `b/w${n}`, n)));
  await store.compact(store.revision);
  expect((await verifyStore(store)).problems).toEqual([]);
  await store.close();
  return state;
}

describe("with another process", () => {
  let script: string;
  let removeScript: () => void;
  beforeAll(() => {
    ({ script, removeScript } = buildWriter());
  });
  afterAll(() => removeScript());

  test("a directory in use is refused, with the pid and what to do; its owner goes on", async () => {
    const owner = startWriter([process.execPath, script, "endless", directory]);
    await owner.opened;
    const error = await openError();
    expect(String(error)).toContain(
      `${directory} is in use by process ${owner.process.pid}: stop it first (kill ${owner.process.pid})`,
    );
    // A running server's store can be checked from outside.
    expect((await verifyStore(directory)).problems).toEqual([]);
    await once(owner.process.stdout ?? owner.process, "data");
    expect(owner.process.exitCode).toBeNull();
    owner.process.kill("SIGKILL");
    await owner.ended;
    expect(await openError()).toBeUndefined();
  });

  test("should two processes write in spite of the lock, the first one stops", async () => {
    const store = await LmdbStore.open({ directory });
    await put(store, "a/mine");
    for (let number = 1; number < 9; number++)
      rmSync(join(directory, `lock.${number}`), { force: true });
    const intruder = spawn(process.execPath, [script, "5", directory, "1"]);
    const [code] = (await once(intruder, "exit")) as [number];
    expect(code).toBe(0);
    await expect(put(store, "a/again")).rejects.toThrow(StoreUnavailableError);
    expect(store.health()).toMatchObject({
      writable: false,
      reason: expect.stringContaining("another process has opened") as string,
    });
    await store.close();
    expect((await verifyStore(directory)).problems).toEqual([]);
  });
});

test("a file that may not be read is no damage", async () => {
  if (process.getuid?.() === 0) return;
  chmodSync(databaseFile(directory), 0);
  expect(await openError()).toMatchObject({ code: "EACCES" });
});
