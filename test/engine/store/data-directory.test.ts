import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildSync } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  DataDirectoryLockedError,
  holderOfDataDirectory,
  lockDataDirectory,
} from "../../../src/engine/store/data-directory.ts";
import { temporaryDirectory } from "./fixtures.ts";

let bundle: string;
let removeBundle: () => void;
let script: string;
beforeAll(() => {
  ({ directory: bundle, removeDirectory: removeBundle } = temporaryDirectory());
  script = join(bundle, "data-directory.mjs");
  const source = join(import.meta.dirname, "../../../src/engine/store/data-directory.ts");
  buildSync({
    entryPoints: [source],
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
  });
});
afterAll(() => removeBundle());

let parent: string;
let removeDirectory: () => void;
let directory: string;
beforeEach(() => {
  ({ directory: parent, removeDirectory } = temporaryDirectory());
  directory = join(parent, "data");
});
afterEach(() => removeDirectory());

function lockNames(): string[] {
  return readdirSync(directory).filter((name) => name.startsWith("lock"));
}

/** A lock as another process would have left it. */
function leaveLock(changes: Record<string, unknown>): void {
  const lock = lockDataDirectory(directory);
  const file = join(directory, lockNames()[0] ?? "");
  const holder = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  lock.release();
  writeFileSync(file, JSON.stringify({ ...holder, ...changes }));
}

test("the directory is made, private, also where it was not", () => {
  lockDataDirectory(directory).release();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  execFileSync("chmod", ["755", directory]);
  lockDataDirectory(directory).release();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test("it is refused while this process has it, and free after release", () => {
  const lock = lockDataDirectory(directory);
  expect(() => lockDataDirectory(directory)).toThrow(DataDirectoryLockedError);
  expect(holderOfDataDirectory(directory)).toBe(process.pid);
  lock.release();
  expect(holderOfDataDirectory(directory)).toBeUndefined();
  lockDataDirectory(directory).release();
  expect(lockNames()).toHaveLength(1);
});

test.each([
  ["a process that is gone", { pid: 2 ** 22 + 1 }],
  ["a process whose pid another one has now", { startTime: "1" }],
  ["a process from before a reboot", { bootId: "00000000-0000-0000-0000-000000000000" }],
  ["a process of another container", { pidNamespace: "pid:[1]" }],
])("the lock of %s is taken over", (_, changes) => {
  leaveLock(changes);
  const lock = lockDataDirectory(directory);
  expect(holderOfDataDirectory(directory)).toBe(process.pid);
  lock.release();
});

test("a lock file that a power failure left empty is taken over", () => {
  lockDataDirectory(directory).release();
  writeFileSync(join(directory, lockNames()[0] ?? ""), "");
  const lock = lockDataDirectory(directory);
  expect(holderOfDataDirectory(directory)).toBe(process.pid);
  lock.release();
});

/** A process that tries to take the directory when told, and then keeps it until told to end. */
function contender(): {
  pid: number;
  ready: Promise<void>;
  tryIt(): Promise<string>;
  end(): Promise<void>;
} {
  const program = `
    import { lockDataDirectory } from ${JSON.stringify(script)};
    process.stdin.once("data", () => {
      try { lockDataDirectory(${JSON.stringify(directory)}); console.log("locked"); }
      catch (error) { console.log(error.name); }
    });
    process.stdin.once("end", () => process.exit());
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await lines.next()).value);
  return {
    pid: child.pid ?? 0,
    ready: nextLine().then(() => {}),
    tryIt: () => {
      child.stdin.write("go\n");
      return nextLine();
    },
    end: async () => {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

test("of many processes that start at once, one gets a stale lock, and is named to the others", async () => {
  leaveLock({ pid: 2 ** 22 + 1 });
  const contenders = Array.from({ length: 8 }, contender);
  await Promise.all(contenders.map(({ ready }) => ready));
  const outcomes = await Promise.all(contenders.map((one) => one.tryIt()));
  expect(outcomes.toSorted()).toEqual([
    ...Array<string>(7).fill("DataDirectoryLockedError"),
    "locked",
  ]);

  const holder = contenders[outcomes.indexOf("locked")]?.pid;
  expect(() => lockDataDirectory(directory)).toThrow(
    `${directory} is in use by process ${holder}: stop it first (kill ${holder}), or use another directory`,
  );
  await Promise.all(contenders.map((one) => one.end()));
  lockDataDirectory(directory).release();
});
