import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type DriverMount,
  DriverMounts,
} from "../../../../src/engine/node/volumes/driver-mounts.ts";
import type { VolumeDriver } from "../../../../src/engine/storage/volume-driver.ts";
import { VolumeDrivers } from "../../../../src/engine/storage/volume-drivers.ts";
import { fakeDriver } from "./fake-driver.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "gantry-driver-mounts-"));
  await mkdir(join(home, "vol-1"));
});
afterEach(() => rm(home, { recursive: true }));

const mount = (): DriverMount => ({
  driver: "fake.example.com",
  volumeId: "vol-1",
  context: {},
  podUid: "pod-1",
  name: "data",
  targetPath: join(home, "pod-1", "data"),
  use: { accessModes: ["ReadWriteOnce"], volumeMode: "Filesystem" },
  readOnly: false,
});

it("never deletes what a driver has left where the volume was staged", async () => {
  const fake = fakeDriver(home);
  let takesBack = false;
  let staged = "";
  const driver: VolumeDriver = {
    ...fake,
    node: {
      ...fake.node,
      async stageVolume(request) {
        await fake.node.stageVolume(request);
        staged = request.stagingPath;
        await writeFile(join(staged, "data"), "of the volume");
      },
      async unstageVolume(request) {
        if (takesBack) await fake.node.unstageVolume(request);
      },
    },
  };
  const drivers = new VolumeDrivers();
  drivers.add(driver);
  const mounts = await DriverMounts.open(join(home, "mounts"), drivers);
  await mounts.mount(mount());
  await expect(mounts.unmountPod("pod-1")).rejects.toThrow("still holds something");
  expect(await readFile(join(staged, "data"), "utf8")).toBe("of the volume");
  takesBack = true;
  // The next agent knows of it, too.
  const next = await DriverMounts.open(join(home, "mounts"), drivers);
  await next.unmountPod("pod-1");
  expect(await readdir(join(home, "mounts"))).toEqual([]);
});
