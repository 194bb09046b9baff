import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CsiDriver, openCsiDriver } from "../../../../src/engine/storage/csi/csi-driver.ts";
import { Secrets } from "../../../../src/engine/storage/secrets.ts";
import { VolumeDriverError } from "../../../../src/engine/storage/volume-driver-error.ts";
import { codeOf, describeVolumeDriver, MEBIBYTE, request, use } from "../driver-conformance.ts";
import { CsiStatus, type CsiTestDriver, startCsiDriver } from "./csi-test-driver.ts";

async function directory(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "gantry-csi-"));
}

describeVolumeDriver("CSI", async () => {
  const home = await directory();
  const socketPath = join(home, "csi.sock");
  const server = await startCsiDriver({ directory: join(home, "disks"), socketPath });
  const driver = await openCsiDriver({ socketPath });
  return {
    driver,
    home,
    close: async () => {
      await driver.close();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
});

describe("a CSI driver", () => {
  let home = "";
  let server: CsiTestDriver;
  let driver: CsiDriver;
  const socketPath = () => join(home, "csi.sock");
  const start = (name?: string) =>
    startCsiDriver({
      directory: join(home, "disks"),
      socketPath: socketPath(),
      ...(name === undefined ? {} : { name }),
    });
  beforeEach(async () => {
    home = await directory();
    server = await start();
    driver = await openCsiDriver({ socketPath: socketPath(), timeoutMs: 2_000 });
  });
  afterEach(async () => {
    await driver.close();
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });
  const last = (method: string) => server.calls.findLast((call) => call.method === method)?.request;
  const fail = (method: string, code: number, message: string) =>
    server.overrides.set(method, () => {
      throw new CsiStatus(code, message);
    });

  test("introduces itself", () => {
    expect(driver.name).toBe("disks.example.com");
    expect(driver.abilities).toMatchObject({ version: "1.2", topology: true, expansion: "online" });
    expect([...driver.abilities.node].toSorted()).toEqual(["stage", "stats"]);
    expect(driver.nodeInfo).toEqual({
      nodeId: "disk-node-1",
      maxVolumes: 5,
      topology: { "topology.example.com/zone": "z1" },
    });
  });

  test("is told all that the class, the claim and the scheduler say", async () => {
    const made = await driver.controller.createVolume({
      ...request("pvc-1"),
      size: { requiredBytes: MEBIBYTE, limitBytes: 2 * MEBIBYTE },
      use: {
        accessModes: ["ReadWriteOnce", "ReadOnlyMany"],
        volumeMode: "Filesystem",
        fsType: "ext4",
        mountOptions: ["noatime"],
      },
      parameters: { tier: "fast" },
      secrets: new Secrets({ password: "open-sesame" }),
      accessibleFrom: [{ "topology.example.com/zone": "z1" }],
    });
    expect(made).toMatchObject({
      context: { kind: "directory" },
      accessibleFrom: [{ "topology.example.com/zone": "z1" }],
    });
    const place = { segments: { "topology.example.com/zone": "z1" } };
    expect(last("Controller/CreateVolume")).toMatchObject({
      name: "pvc-1",
      capacity_range: { required_bytes: MEBIBYTE, limit_bytes: 2 * MEBIBYTE },
      volume_capabilities: [
        {
          access_type: "mount",
          mount: { fs_type: "ext4", mount_flags: ["noatime"] },
          access_mode: { mode: "SINGLE_NODE_WRITER" },
        },
        { access_mode: { mode: "MULTI_NODE_READER_ONLY" } },
      ],
      parameters: { tier: "fast" },
      secrets: { password: "open-sesame" },
      accessibility_requirements: { requisite: [place], preferred: [place] },
    });
  });

  test("gets block volumes as block volumes", async () => {
    const block = { accessModes: ["ReadWriteMany"], volumeMode: "Block" } as const;
    await driver.controller.createVolume(request("pvc-1", { use: block }));
    expect(last("Controller/CreateVolume")).toMatchObject({
      volume_capabilities: [
        { access_type: "block", access_mode: { mode: "MULTI_NODE_MULTI_WRITER" } },
      ],
    });
  });

  test("hangs: the call ends in time, and others are not held up", async () => {
    const hanging = await openCsiDriver({ socketPath: socketPath(), timeoutMs: 150 });
    server.overrides.set("Controller/CreateVolume", () => new Promise<never>(() => undefined));
    const stuck = codeOf(hanging.controller.createVolume(request("pvc-1")));
    expect(await codeOf(hanging.controller.deleteVolume({ volumeId: "pvc-2" }))).toBe("OK");
    expect(await stuck).toBe("DeadlineExceeded");
    await hanging.close();
  });

  test("is left when the caller gives up", async () => {
    let tell: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      tell = resolve;
    });
    server.overrides.set("Controller/CreateVolume", () => {
      tell();
      return new Promise<never>(() => undefined);
    });
    const abort = new AbortController();
    const call = codeOf(driver.controller.createVolume(request("pvc-1"), { signal: abort.signal }));
    await arrived;
    abort.abort();
    expect(await call).toBe("Canceled");
  });

  test("is gone: calls say so, and work again when it is back", async () => {
    await server.stop();
    expect(await codeOf(driver.controller.createVolume(request("pvc-1")))).toBe("Unavailable");
    server = await start();
    await expect
      .poll(() => codeOf(driver.controller.createVolume(request("pvc-1"))), { timeout: 10_000 })
      .toBe("OK");
  });

  test.each([
    [status.RESOURCE_EXHAUSTED, "ResourceExhausted", true],
    [status.ABORTED, "Aborted", false],
    [status.INVALID_ARGUMENT, "InvalidArgument", true],
    [status.UNAVAILABLE, "Unavailable", false],
  ])("says no with %i, which is %s", async (code, name, isFinal) => {
    fail("Controller/CreateVolume", code, "no room");
    const failed = await driver.controller.createVolume(request("pvc-1")).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(VolumeDriverError);
    expect(failed).toMatchObject({ code: name, isFinal, message: "no room" });
  });

  test("that repeats a secret in its error does not give it away", async () => {
    fail("Controller/CreateVolume", status.UNAUTHENTICATED, "bad password open-sesame");
    const secrets = new Secrets({ password: "open-sesame" });
    const failed: unknown = await driver.controller
      .createVolume(request("pvc-1", { secrets }))
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ message: "bad password <hidden>" });
    expect(inspect(failed, { depth: 10 })).not.toContain("open-sesame");
    expect(JSON.stringify({ secrets })).not.toContain("open-sesame");
    expect(`${inspect(secrets)} ${String(secrets)}`).not.toContain("open-sesame");
  });

  test.each<[string, string, Record<string, unknown>, RegExp]>([
    ["makes a volume without a name", "Controller/CreateVolume", {}, /without saying which/],
    [
      "ignores what a volume is to be filled with",
      "Controller/CreateVolume",
      { volume: { volume_id: "x", capacity_bytes: 1 } },
      /volume content source missing/,
    ],
    [
      "has a name that is too long",
      "Controller/CreateVolume",
      { volume: { volume_id: "x".repeat(5_000) } },
      /volumeId is too long/,
    ],
  ])("that %s is not believed", async (_what, method, answer, message) => {
    server.overrides.set(method, () => answer);
    const source = { volumeId: "pvc-0" };
    await expect(driver.controller.createVolume(request("pvc-1", { source }))).rejects.toThrow(
      message,
    );
  });

  test("that says it published and did not is not believed", async () => {
    const { volumeId, context } = await driver.controller.createVolume(request("pvc-1"));
    server.overrides.set("Node/NodePublishVolume", () => ({}));
    const publish = driver.node.publishVolume({
      volumeId,
      context,
      use,
      readOnly: false,
      targetPath: join(home, "target"),
    });
    await expect(publish).rejects.toThrow(/there is nothing at/);
  });

  test("that answers with more than it should is cut off", async () => {
    server.overrides.set("Controller/CreateVolume", () => ({
      volume: { volume_id: "x", volume_context: { big: "y".repeat(3 * MEBIBYTE) } },
    }));
    expect(await codeOf(driver.controller.createVolume(request("pvc-1")))).toBe(
      "ResourceExhausted",
    );
  });

  test("that has already forgotten what is to be taken away is fine", async () => {
    for (const method of ["Controller/DeleteVolume", "Node/NodeUnpublishVolume"])
      fail(method, status.NOT_FOUND, "never heard of it");
    await driver.controller.deleteVolume({ volumeId: "pvc-1" });
    await driver.node.unpublishVolume({ volumeId: "pvc-1", targetPath: join(home, "target") });
  });

  test("without a usable name, or not ready yet, is not taken", async () => {
    await server.stop();
    server = await start("not a name");
    await expect(openCsiDriver({ socketPath: socketPath() })).rejects.toThrow(/calls itself/);
    await server.stop();
    server = await start();
    server.overrides.set("Identity/Probe", () => ({ ready: { value: false } }));
    await expect(openCsiDriver({ socketPath: socketPath() })).rejects.toThrow(/not ready yet/);
  });
});
