/** What a pod sees in place of the machine's resolv.conf and hosts. Needs root on Linux. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PrivateFiles } from "../../../../src/engine/node/runtime/process/private-files.ts";
import { spawnInContainer } from "../../../../src/engine/node/runtime/process/spawn-in-container.ts";
import { POD_UID, ProcessFixture, sandbox, shell } from "./process-fixture.ts";

const canHave = (await PrivateFiles.open()) !== undefined;
const DNS = {
  nameservers: ["127.96.0.10"],
  searches: ["default.svc.cluster.local"],
  options: ["ndots:5"],
};
const RESOLV_CONF = "nameserver 127.96.0.10\nsearch default.svc.cluster.local\noptions ndots:5\n";

let fixture: ProcessFixture;
let ofMachine: string;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
  await fixture.runtime.removeSandbox(POD_UID);
  ofMachine = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
});
afterEach(() => fixture.close());

describe.skipIf(!canHave)("a pod with a resolver of its own", () => {
  beforeEach(() => fixture.runtime.ensureSandbox(sandbox({ dns: DNS })));

  it("sees its own file, and nobody else does", async () => {
    expect(await fixture.outputOf({ command: ["cat", "/etc/resolv.conf"] })).toBe(RESOLV_CONF);
    expect(await readFile("/etc/resolv.conf", "utf8")).toBe(ofMachine);
  });

  it("sees it in probes, hooks and kubectl exec, too", async () => {
    const { id } = await fixture.start({ command: ["sleep", "100"] });
    const options = { timeoutMs: 5_000, maxOutputBytes: 1_000 };
    const { output, exitCode } = await fixture.runtime.exec(
      id,
      ["cat", "/etc/resolv.conf"],
      options,
    );
    expect([exitCode, output.toString()]).toEqual([0, RESOLV_CONF]);
    const failed = await fixture.runtime.exec(id, shell("exit 7"), options);
    expect(failed.exitCode).toBe(7);
  });

  it("sees it after a restart of the agent", async () => {
    const { id } = await fixture.start({ command: ["sleep", "100"] });
    await fixture.reopen();
    const options = { timeoutMs: 5_000, maxOutputBytes: 1_000 };
    const { output } = await fixture.runtime.exec(id, ["cat", "/etc/resolv.conf"], options);
    expect(output.toString()).toBe(RESOLV_CONF);
    expect(await fixture.outputOf({ name: "next", command: ["cat", "/etc/resolv.conf"] })).toBe(
      RESOLV_CONF,
    );
  });

  it("ends as it would without: by its signal, with its code", async () => {
    const script = "trap 'exit 3' TERM; touch ready; sleep 100 & wait";
    const stopped = await fixture.start({ command: shell(script) });
    // Before that, a signal ends the shell itself.
    const isReady = shell("until [ -e ready ]; do sleep 0.02; done");
    await fixture.runtime.exec(stopped.id, isReady, { timeoutMs: 10_000, maxOutputBytes: 1_000 });
    await fixture.runtime.stopContainer(stopped.id, { graceMs: 5_000 });
    expect(await fixture.ended(stopped)).toMatchObject({ state: "exited", exitCode: 3 });
  });

  it("runs as another user, with its environment", async () => {
    const odd = 'it\'s $(false) `x`\n"two"\n';
    const output = await fixture.outputOf({
      command: shell('id -u; id -g; cat /etc/resolv.conf; printf "%s" "$ODD"'),
      user: { uid: 12_345, gid: 12_346 },
      env: new Map([["ODD", odd]]),
    });
    expect(output).toBe(`12345\n12346\n${RESOLV_CONF}${odd}`);
  });

  it("gives no program of root another user's environment", async () => {
    const child = spawnInContainer(
      ["unused"],
      { LD_PRELOAD: "/nowhere/evil.so" },
      {
        cwd: "/",
        user: { uid: 12_345 },
        files: { own: [{ source: "/a", target: "/b" }], with: { wrap: () => ["/usr/bin/env"] } },
      },
      ["pipe", "pipe"],
    );
    const chunks: unknown[] = [];
    child.stdout?.on("data", (chunk) => void chunks.push(chunk));
    await once(child, "close");
    expect(chunks).toEqual([]);
  });

  it("keeps what it writes there to itself", async () => {
    await fixture.outputOf({ command: shell("echo mine >/etc/resolv.conf") });
    expect(await readFile("/etc/resolv.conf", "utf8")).toBe(ofMachine);
    expect(
      await readFile(join(fixture.directory, "pods", POD_UID, "etc/resolv.conf"), "utf8"),
    ).toBe("mine\n");
  });
});

describe.skipIf(!canHave)("a pod with host aliases", () => {
  it("has them besides what the machine knows", async () => {
    const hostAliases = [{ ip: "10.1.2.3", hostnames: ["db.example.com", "db"] }];
    await fixture.runtime.ensureSandbox(sandbox({ hostAliases }));
    const output = await fixture.outputOf({ command: ["cat", "/etc/hosts", "/etc/resolv.conf"] });
    expect(output).toContain("# Entries added by HostAliases.\n10.1.2.3\tdb.example.com\tdb\n");
    expect(output).toContain("localhost");
    expect(output.endsWith(ofMachine)).toBe(true);
  });
});

it("a pod without wishes sees the machine's own file", async () => {
  await fixture.runtime.ensureSandbox(sandbox());
  expect(await fixture.outputOf({ command: shell("cat /etc/resolv.conf || true") })).toBe(
    ofMachine,
  );
});
