import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { parseEntry } from "../../../../src/engine/node/logs/cri-line.ts";
import { POD_UID, ProcessFixture, readOutput, shell } from "./process-fixture.ts";

let fixture: ProcessFixture;
afterEach(() => fixture.close());

it("marks the parts of long lines and an unfinished last line", async () => {
  fixture = await ProcessFixture.make();
  const long = "x".repeat(40_000);
  const command = ["node", "-e", `process.stdout.write("${long}\\nend")`];
  expect(await fixture.outputOf({ command })).toBe(`${long}\nend`);
  const entries = (await readFile(fixture.config().logPath, "utf8")).trimEnd().split("\n");
  const tags = entries.map((line) => parseEntry(Buffer.from(line))?.partial);
  expect(tags).toEqual([true, true, false, true]);
});

it("keeps bytes that are no text", async () => {
  fixture = await ProcessFixture.make();
  await fixture.outputOf({ command: shell(String.raw`printf '\377\000\n\n\r\n'`) });
  const log = await readFile(fixture.config().logPath);
  const contents = log
    .toString("latin1")
    .split("\n")
    .slice(0, -1)
    .map((line) => parseEntry(Buffer.from(line, "latin1"))?.content.toString("latin1"));
  expect(contents).toEqual(["\xff\0", "", "\r"]);
});

it("rotates by size and keeps as many files as it may, losing no line in between", async () => {
  fixture = await ProcessFixture.make({ maxFileBytes: 20_000, maxFiles: 3 });
  // Far more than the runtime reads at once, so that there is much to rotate.
  const count = 60_000;
  const command = ["node", "-e", `for (let n = 0; n < ${count}; n++) console.log("line " + n)`];
  await fixture.ended(await fixture.start({ command }));
  const { logPath } = fixture.config();
  const names = (await readdir(dirname(logPath))).sort();
  expect(names).toHaveLength(3);
  expect(names).toContain("0.log");
  const parts = names
    .filter((name) => name !== "0.log")
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)));
  let text = "";
  for (const name of [...parts, "0.log"]) text += await readOutput(join(dirname(logPath), name));
  const numbers = text
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.slice(5)));
  const [first = 0] = numbers;
  expect(numbers).toEqual(Array.from({ length: count - first }, (_, index) => first + index));
});

// Only Linux can free the beginning of a file that is being written.
it.runIf(process.platform === "linux")(
  "gives disk space back as output moves into the log",
  async () => {
    fixture = await ProcessFixture.make({ maxFileBytes: 1_000_000, maxFiles: 2 });
    const megabytes = 40;
    const program = `const line = "y".repeat(1023) + "\\n"; for (let n = 0; n < ${megabytes} * 1024; n++) require("fs").writeSync(1, line); setInterval(() => {}, 1000)`;
    await fixture.start({ command: ["node", "-e", program] });
    const raw = join(fixture.directory, "pods", POD_UID, "containers/web/0/stdout");
    await vi.waitFor(
      async () => {
        const { size, blocks } = await stat(raw);
        expect(size).toBe(megabytes * 1024 * 1024);
        expect(blocks * 512).toBeLessThan(20 * 1024 * 1024);
      },
      { timeout: 20_000, interval: 200 },
    );
  },
);

it("repeats and loses nothing when a write was not acknowledged before a crash", async () => {
  fixture = await ProcessFixture.make();
  const started = await fixture.start({ command: shell("echo one; echo two; sleep 1000") });
  const { logPath } = fixture.config();
  await vi.waitFor(async () => expect(await readOutput(logPath)).toBe("one\ntwo\n"));
  await fixture.reopen(async () => {
    const { appendFile } = await import("node:fs/promises");
    // As if the agent had died between writing the log and noting its position.
    await appendFile(logPath, "2026-01-01T00:00:00.000000000Z stdout F never acknowledged\n");
  });
  expect(await readOutput(logPath)).toBe("one\ntwo\n");
  await fixture.runtime.stopContainer(started.id, { graceMs: 0 });
});
