import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCgroups } from "../../../../src/engine/node/runtime/process/cgroups.ts";
import { ProcessFixture, shell } from "./process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

const canLimit = (await openCgroups()) !== undefined;
const isRoot = process.getuid?.() === 0;
/** Bounded, so that a limit that does not hold fails the test and not the machine. */
const hog = "const hoard = []; while (hoard.length < 400) hoard.push(Buffer.alloc(1 << 20, 1))";

// Control groups need root and a writable /sys/fs/cgroup, which not every machine gives to tests.
describe.runIf(canLimit)("limits", () => {
  it("end a program that takes more memory than it may", async () => {
    const resources = { memoryBytes: 100 * 1024 * 1024 };
    const started = await fixture.start({ command: ["node", "-e", hog], resources });
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  it("leave alone what stays below", async () => {
    const resources = { memoryBytes: 200 * 1024 * 1024, cpuMillis: 500 };
    const started = await fixture.start({ command: shell("exit 3"), resources });
    const ended = await fixture.ended(started);
    expect(ended).toMatchObject({ exitCode: 3 });
    expect(ended).not.toHaveProperty("oomKilled");
  });

  it("hold back a program that takes more processor time than it may", async () => {
    const spin =
      "const end = Date.now() + 500; while (Date.now() < end); console.log(process.cpuUsage().user + process.cpuUsage().system)";
    const output = await fixture.outputOf({
      command: ["node", "-e", spin],
      resources: { cpuMillis: 200 },
    });
    expect(Number(output)).toBeLessThan(350_000);
  });
});

it("have no groups where there is no permission to make them", async () => {
  expect(await openCgroups("/nowhere")).toBeUndefined();
});

// Only root may become somebody else.
describe.runIf(isRoot)("users", () => {
  it("are those that the container asks for, who can write where they should", async () => {
    const user = { uid: 65_534, gid: 65_534 };
    const command = shell("id -u; id -g; touch here tmp/there && echo written; exit 6");
    const started = await fixture.start({ command, user });
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 6 });
    expect(await fixture.outputOf({ command, user })).toBe("65534\n65534\nwritten\n");
  });
});
