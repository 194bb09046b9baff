/**
 * What kill -9 cannot show: that a sync comes before each acknowledgement, and that whatever part
 * of the unsynced writes reaches the disk, the file is whole. A run's system calls are recorded
 * with strace; then the power fails again and again on paper: after any call, everything that was
 * synced is on the disk, and of the rest an arbitrary part. Skipped, visibly, without strace.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseFile } from "../../src/engine/store/lmdb-database.ts";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { temporaryDirectory } from "../engine/store/fixtures.ts";
import { buildWriter, startWriter } from "./store-writer-process.ts";

const canTrace = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0;
const WRITES = 60;
const POWER_FAILURES = 120;
/** Disks write sectors whole; LMDB relies on no more. */
const SECTOR_BYTES = 512;

type Call =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "sync" }
  /** A write to a file opened with O_DSYNC: synced when it returns. */
  | { readonly kind: "syncedWrite"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "report"; readonly line: string };

/** Lines of `strace -ff -y -xx -ttt`, one file per thread, put in order. */
function recordedCalls(directory: string): Call[] {
  const calls: { time: number; call: Call }[] = [];
  for (const file of readdirSync(directory)) {
    let position = 0;
    for (const line of readFileSync(join(directory, file), "latin1").split("\n")) {
      const [, time, name, fd, path, rest = ""] =
        /^([\d.]+) (\w+)\((\d+)<([^>]*)>,? ?(.*)$/.exec(line) ?? [];
      const add = (call: Call): void => void calls.push({ time: Number(time), call });
      if (name === "write" && fd === "1")
        add({ kind: "report", line: bytesIn(rest).toString("utf8").trim() });
      if (path === undefined || !unescape(path).endsWith("/store.mdb")) continue;
      if (name === "lseek") position = Number(/= (\d+)$/.exec(rest)?.[1]);
      else if (name === "fdatasync") add({ kind: "sync" });
      else if (name === "writev") add({ kind: "write", offset: position, bytes: bytesIn(rest) });
      else if (name === "pwrite64") {
        const offset = Number(/, (\d+)\) += \d+$/.exec(rest)?.[1]);
        const bytes = bytesIn(rest);
        // Pages are written whole; only the meta page's content goes through the synced descriptor.
        add({ kind: bytes.length % SECTOR_BYTES === 0 ? "write" : "syncedWrite", offset, bytes });
      }
    }
  }
  return calls.toSorted((a, b) => a.time - b.time).map(({ call }) => call);
}

function unescape(path: string): string {
  return path.replaceAll(/\\x(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

function bytesIn(args: string): Buffer {
  const strings = [...args.matchAll(/"((?:\\x..)*)"/g)].map(([, hex = ""]) =>
    Buffer.from(hex.replaceAll("\\x", ""), "hex"),
  );
  return Buffer.concat(strings);
}

function applyWrite(file: Buffer, offset: number, bytes: Buffer): Buffer {
  const grown =
    offset + bytes.length > file.length
      ? Buffer.concat([file, Buffer.alloc(offset + bytes.length - file.length)])
      : file;
  bytes.copy(grown, offset);
  return grown;
}

/** The disk after the power failed behind call `end`, and what had been acknowledged by then. */
function crash(
  before: Buffer,
  calls: readonly Call[],
  end: number,
  random: (below: number) => number,
): { file: Buffer; acknowledged: string[] } {
  let file: Buffer = Buffer.from(before);
  const acknowledged: string[] = [];
  let unsynced: { offset: number; bytes: Buffer }[] = [];
  for (const call of calls.slice(0, end)) {
    if (call.kind === "write") unsynced.push(call);
    else if (call.kind === "syncedWrite") file = applyWrite(file, call.offset, call.bytes);
    else if (call.kind === "sync") {
      for (const { offset, bytes } of unsynced) file = applyWrite(file, offset, bytes);
      unsynced = [];
    } else if (call.line.startsWith("ack")) acknowledged.push(call.line);
  }
  for (const { offset, bytes } of unsynced)
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES)
      if (random(2) === 0)
        file = applyWrite(file, offset + at, bytes.subarray(at, at + SECTOR_BYTES));
  return { file, acknowledged };
}

describe.skipIf(!canTrace)("when the power fails", () => {
  const { directory, removeDirectory } = temporaryDirectory();
  let before: Buffer;
  let calls: Call[];

  beforeAll(async () => {
    const { script, removeScript } = buildWriter();
    const data = join(directory, "data");
    const trace = join(directory, "trace");
    mkdirSync(trace);
    await (await LmdbStore.open({ directory: data })).close();
    before = readFileSync(databaseFile(data));
    const traced = "trace=pwrite64,writev,lseek,fdatasync,write";
    const options = ["-ff", "-y", "-xx", "-ttt", "-s", "10000000", "-e", traced];
    const writer = [process.execPath, script, String(WRITES), data, "11"];
    const { code } = await startWriter(["strace", ...options, "-o", join(trace, "t"), ...writer])
      .ended;
    expect(code).toBe(0);
    removeScript();
    calls = recordedCalls(trace);
    // The recording is whole: replayed to its end it is the file that is there.
    const { file, acknowledged } = crash(before, calls, calls.length, () => 0);
    expect(file.equals(readFileSync(databaseFile(data)))).toBe(true);
    expect(acknowledged.length).toBeGreaterThan(WRITES / 2);
  });
  afterAll(() => removeDirectory());

  test("the file is whole, with all that was acknowledged, whichever writes were lost", async () => {
    let state = 12345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (state >>> 8) % below;
    };
    for (let failure = 0; failure < POWER_FAILURES; failure++) {
      const end = random(calls.length + 1);
      const { file, acknowledged } = crash(before, calls, end, random);
      const data = join(directory, `crash-${failure}`);
      mkdirSync(data);
      writeFileSync(databaseFile(data), file);
      const store = await LmdbStore.open({ directory: data });
      const durable = new Set(
        store
          .durableContent()
          .records.map(
            ({ revision, type, key }) => `ack ${revision} ${type} ${key.plural} ${key.name}`,
          ),
      );
      const lost = acknowledged.filter((line) => !line.includes("leases") && !durable.has(line));
      expect({ failure, end, lost }).toEqual({ failure, end, lost: [] });
      await store.close();
    }
  });

  test("nothing is acknowledged before it is synced", () => {
    // The meta page goes last, and makes the commit visible: after it, and only then, come the acks.
    let unsynced = 0;
    let commits = 0;
    let acknowledgements = 0;
    for (const call of calls) {
      if (call.kind === "write") unsynced++;
      else if (call.kind === "sync") unsynced = 0;
      else if (call.kind === "syncedWrite") {
        expect(unsynced).toBe(0);
        commits++;
      } else if (call.line.startsWith("ack")) {
        acknowledgements++;
        expect(unsynced).toBe(0);
        expect(commits).toBeGreaterThanOrEqual(acknowledgements);
      }
    }
    expect(acknowledgements).toBeGreaterThan(WRITES / 2);
  });
});
