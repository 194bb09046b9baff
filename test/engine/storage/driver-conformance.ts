/** What every volume driver does, whichever it is: local, CSI over its socket, or the tests' fake. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type {
  ControllerService,
  CreateVolumeRequest,
  NodeService,
  Volume,
  VolumeDriver,
  VolumeUse,
} from "../../../src/engine/storage/volume-driver.ts";
import { VolumeDriverError } from "../../../src/engine/storage/volume-driver-error.ts";

export interface DriverFixture {
  readonly driver: VolumeDriver;
  /** A directory of the test's own, for staging and target paths. */
  readonly home: string;
  close(): Promise<void>;
}

export const MEBIBYTE = 1024 * 1024;
export const use: VolumeUse = { accessModes: ["ReadWriteOnce"], volumeMode: "Filesystem" };
export const request = (name: string, rest: Partial<CreateVolumeRequest> = {}) => ({
  name,
  size: { requiredBytes: 8 * MEBIBYTE },
  use,
  parameters: {},
  ...rest,
});

/** The code with which a call fails. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof VolumeDriverError) return error.code;
    throw error;
  }
  return "OK";
}

export function describeVolumeDriver(name: string, open: () => Promise<DriverFixture>): void {
  describe(`the ${name} driver`, () => {
    let fixture: DriverFixture;
    let controller: ControllerService;
    let node: NodeService;
    beforeEach(async () => {
      fixture = await open();
      const { driver } = fixture;
      if (driver.controller === undefined || driver.node === undefined)
        throw new Error("the suite needs both services");
      ({ controller, node } = { controller: driver.controller, node: driver.node });
    });
    afterEach(() => fixture.close());

    const create = (id: string, rest: Partial<CreateVolumeRequest> = {}) =>
      controller.createVolume(request(id, rest));

    /** Brings a volume to a pod, as the node agent does; where the pod finds it. */
    async function mount({ volumeId, context }: Volume, pod = "pod"): Promise<string> {
      const paths = pathsOf(volumeId, pod);
      await mkdir(dirname(paths.target), { recursive: true });
      await mkdir(dirname(paths.staging), { recursive: true });
      const volume = { volumeId, context, use };
      const stages = fixture.driver.abilities.node.has("stage");
      if (stages) await node.stageVolume({ ...volume, stagingPath: paths.staging });
      const { path } = await node.publishVolume({
        ...volume,
        targetPath: paths.target,
        readOnly: false,
        ...(stages ? { stagingPath: paths.staging } : {}),
      });
      return path;
    }
    async function unmount(volumeId: string, pod = "pod"): Promise<void> {
      const paths = pathsOf(volumeId, pod);
      await node.unpublishVolume({ volumeId, targetPath: paths.target });
      if (fixture.driver.abilities.node.has("stage"))
        await node.unstageVolume({ volumeId, stagingPath: paths.staging });
    }
    const pathsOf = (volumeId: string, pod: string) => ({
      staging: join(fixture.home, "staging", volumeId, "mount"),
      target: join(fixture.home, "pods", pod, volumeId),
    });
    async function write(volume: Volume, text: string): Promise<void> {
      await writeFile(join(await mount(volume), "file"), text);
      await unmount(volume.volumeId);
    }
    async function read(volume: Volume): Promise<string> {
      const text = await readFile(join(await mount(volume), "file"), "utf8");
      await unmount(volume.volumeId);
      return text;
    }

    test("has a name, and says what it can do", () => {
      expect(fixture.driver.name).toMatch(/^[a-z0-9.\-/]+$/);
      expect([...fixture.driver.abilities.controller]).toContain("create");
    });

    test("makes a volume of at least the size, and the same one when asked again", async () => {
      const made = await create("pvc-1");
      expect(made.capacityBytes).toBeGreaterThanOrEqual(8 * MEBIBYTE);
      expect((await create("pvc-1")).volumeId).toBe(made.volumeId);
      expect((await create("pvc-2")).volumeId).not.toBe(made.volumeId);
    });

    test("refuses another size under the same name", async () => {
      await create("pvc-1");
      const other = create("pvc-1", { size: { requiredBytes: 80 * MEBIBYTE } });
      expect(await codeOf(other)).toBe("AlreadyExists");
    });

    test("asked twice at the same time, makes one", async () => {
      const ids = await Promise.all([create("pvc-1"), create("pvc-1"), create("pvc-1")]).then(
        (volumes) => volumes.map(({ volumeId }) => volumeId),
      );
      expect(new Set(ids).size).toBe(1);
    });

    test("keeps data from pod to pod, and each volume its own", async () => {
      const [one, other] = [await create("pvc-1"), await create("pvc-2")];
      await write(one, "one");
      await write(other, "other");
      expect(await read(one)).toBe("one");
      expect(await read(other)).toBe("other");
    });

    test("publishing and taking back can both be repeated", async () => {
      const volume = await create("pvc-1");
      expect(await mount(volume)).toBe(await mount(volume));
      await unmount(volume.volumeId);
      await unmount(volume.volumeId);
    });

    test("deletes a volume, also one that is gone", async () => {
      const volume = await create("pvc-1");
      await controller.deleteVolume(volume);
      await controller.deleteVolume(volume);
      expect(await codeOf(mount(volume))).toBe("NotFound");
    });

    test("never publishes a volume that it does not have", async () => {
      const missing = { volumeId: "pvc-none", context: {} };
      expect(await codeOf(mount({ ...missing, capacityBytes: 0, accessibleFrom: [] }))).toBe(
        "NotFound",
      );
    });

    test("grows a volume, never shrinks it", async () => {
      const { volumeId } = await create("pvc-1");
      const grow = (requiredBytes: number) =>
        controller.expandVolume({ volumeId, size: { requiredBytes }, use });
      expect((await grow(16 * MEBIBYTE)).capacityBytes).toBeGreaterThanOrEqual(16 * MEBIBYTE);
      expect((await grow(8 * MEBIBYTE)).capacityBytes).toBeGreaterThanOrEqual(16 * MEBIBYTE);
      const none = { volumeId: "pvc-none", size: { requiredBytes: MEBIBYTE }, use };
      expect(await codeOf(controller.expandVolume(none))).toBe("NotFound");
    });

    test("takes a snapshot that later writes do not change, and restores it", async () => {
      const volume = await create("pvc-1");
      await write(volume, "before");
      const take = () =>
        controller.createSnapshot({
          name: "snapshot-1",
          sourceVolumeId: volume.volumeId,
          parameters: {},
        });
      const { snapshotId, ...taken } = await take();
      expect(taken).toMatchObject({ sourceVolumeId: volume.volumeId, readyToUse: true });
      await write(volume, "after");
      expect((await take()).snapshotId).toBe(snapshotId);
      const restored = await create("pvc-2", { source: { snapshotId } });
      expect(await read(restored)).toBe("before");
      expect(await read(volume)).toBe("after");
    });

    test("a snapshot outlives its volume, and is deleted once or twice", async () => {
      const volume = await create("pvc-1");
      await write(volume, "kept");
      const { snapshotId } = await controller.createSnapshot({
        name: "snapshot-1",
        sourceVolumeId: volume.volumeId,
        parameters: {},
      });
      await controller.deleteVolume(volume);
      expect(await read(await create("pvc-2", { source: { snapshotId } }))).toBe("kept");
      expect((await controller.findSnapshot({ snapshotId }))?.readyToUse).toBe(true);
      await controller.deleteSnapshot({ snapshotId });
      await controller.deleteSnapshot({ snapshotId });
      expect(await controller.findSnapshot({ snapshotId })).toBeUndefined();
      expect(await codeOf(create("pvc-3", { source: { snapshotId } }))).toBe("NotFound");
    });

    test("clones a volume", async () => {
      const volume = await create("pvc-1");
      await write(volume, "original");
      const clone = await create("pvc-2", { source: { volumeId: volume.volumeId } });
      await write(clone, "clone");
      expect(await read(volume)).toBe("original");
      expect(await read(clone)).toBe("clone");
    });

    test("refuses a restore into less than there is", async () => {
      const { volumeId } = await create("pvc-1");
      const tooSmall = create("pvc-2", {
        source: { volumeId },
        size: { requiredBytes: MEBIBYTE },
      });
      expect(await codeOf(tooSmall)).toBe("OutOfRange");
    });

    test("tells how full a volume is", async () => {
      const volume = await create("pvc-1");
      const path = await mount(volume);
      await writeFile(join(path, "file"), Buffer.alloc(2 * MEBIBYTE, 1));
      const stats = await node.stats({ volumeId: volume.volumeId, path });
      expect(stats.usedBytes).toBeGreaterThanOrEqual(2 * MEBIBYTE);
      expect(stats.usedBytes).toBeLessThan(4 * MEBIBYTE);
      expect(stats.availableBytes).toBeGreaterThan(0);
      expect(stats.abnormal).toBeUndefined();
    });
  });
}
