/**
 * System calls of the storing process are made to fail with strace, which is not everywhere and
 * may be forbidden in containers: skipped, visibly, where it cannot be used.
 */
import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { temporaryDirectory } from "../engine/store/fixtures.ts";
import { buildWriter, startWriter } from "./store-writer-process.ts";

const canTrace = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0;
const WRITES = 40;

describe.skipIf(!canTrace)("when the disk fails", () => {
  let script: string;
  let removeScript: () => void;
  let directory: string;
  let removeDirectory: () => void;
  beforeAll(() => {
    ({ script, removeScript } = buildWriter());
  });
  afterAll(() => removeScript());
  beforeEach(async () => {
    ({ directory, removeDirectory } = temporaryDirectory());
    // The file exists before anything fails.
    await (await LmdbStore.open({ directory })).close();
  });
  afterEach(() => removeDirectory());

  /** `when` counts per thread: `N+` fails every call from the N-th on, in each of them. */
  async function writeWhile(inject: string): Promise<{
    acknowledged: string[];
    refused: string[];
    lines: string[];
    /** Empty when the process ended well. */
    stderr: string;
  }> {
    const call = inject.split(":")[0] ?? "";
    const tracer = ["strace", "-f", "-o", "/dev/null", "-e", `trace=${call}`, "-e"];
    const writer = [process.execPath, script, String(WRITES), directory, "7"];
    const { lines, stderr, code } = await startWriter([...tracer, `inject=${inject}`, ...writer])
      .ended;
    return {
      lines,
      stderr: code === 0 ? "" : stderr,
      acknowledged: lines.filter((line) => line.startsWith("ack")),
      refused: lines.filter((line) => line.startsWith("refused")),
    };
  }

  /** Acknowledgements that the disk knows nothing of. */
  async function lostOf(acknowledged: readonly string[]): Promise<string[]> {
    const store = await LmdbStore.open({ directory });
    const durable = new Map(
      store
        .durableContent()
        .records.map(({ revision, type, key }) => [revision, `${type} ${key.plural} ${key.name}`]),
    );
    const lost = acknowledged.filter((line) => {
      const [, revision, ...what] = line.split(" ");
      return !line.includes("leases") && durable.get(Number(revision)) !== what.join(" ");
    });
    expect((await verifyStore(store)).problems).toEqual([]);
    await store.close();
    return lost;
  }

  test("a failed sync acknowledges nothing, ends writing for good, and the process lives on", async () => {
    const { acknowledged, refused, lines, stderr } = await writeWhile(
      "fdatasync:error=EIO:when=5+",
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(10);
    for (const line of refused) expect(line).toMatch(/store\.mdb failed \(.*\): check the disk/);
    // Nobody saw what was not acknowledged, and there is no acknowledgement after the first refusal.
    const firstRefusal = lines.findIndex((line) => line.startsWith("refused"));
    expect(lines.slice(firstRefusal).filter((line) => /^(ack|event)/.test(line))).toEqual([]);
    expect(lines).toContainEqual(expect.stringMatching(/^list \d+ [1-9]/));
    expect(lines).toContainEqual(expect.stringContaining('"writable":false'));
    expect([lines.at(-1), stderr]).toEqual(["closed", ""]);
    expect(await lostOf(acknowledged)).toEqual([]);
  });

  test("so does a failed write, of data or of the page that makes it visible", async () => {
    const { acknowledged, refused, lines, stderr } = await writeWhile("pwrite64:error=EIO:when=5+");
    expect(refused.length).toBeGreaterThan(10);
    expect([lines.at(-1), stderr]).toEqual(["closed", ""]);
    expect(await lostOf(acknowledged)).toEqual([]);
  });

  test("a disk that is full at the worst moment never leaves a write waiting", async () => {
    const { acknowledged, refused, lines, stderr } = await writeWhile(
      "pwrite64:error=ENOSPC:when=5+",
    );
    expect(acknowledged.length + refused.length).toBeGreaterThan(20);
    expect([lines.at(-1), stderr]).toEqual(["closed", ""]);
    expect(await lostOf(acknowledged)).toEqual([]);
  });

  test.each(["fdatasync", "pwrite64", "writev"])(
    "whichever %s is the one that fails, nothing acknowledged is lost",
    async (call) => {
      for (let nth = 1; nth <= 6; nth++) {
        const { acknowledged, stderr } = await writeWhile(`${call}:error=EIO:when=${nth}`);
        // Failing to start is fine, if it says why.
        if (stderr !== "") expect(stderr).toMatch(/Input\/output error|EIO/);
        expect(await lostOf(acknowledged)).toEqual([]);
      }
    },
  );

  test("a sync that takes its time delays the acknowledgement, not more", async () => {
    const { acknowledged, refused } = await writeWhile("fdatasync:delay_enter=20000");
    expect(refused).toEqual([]);
    expect(await lostOf(acknowledged)).toEqual([]);
  });
});
