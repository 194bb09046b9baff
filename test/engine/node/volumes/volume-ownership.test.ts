import { mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { setVolumeGroup } from "../../../../src/engine/node/volumes/volume-ownership.ts";

const GROUP = 4321;
let directory: string;
let volume: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-group-"));
  volume = join(directory, "volume");
  await mkdir(join(volume, "a/b"), { recursive: true });
  await writeFile(join(volume, "a/b/file"), "x", { mode: 0o600 });
  await writeFile(join(directory, "outside"), "x", { mode: 0o600 });
});
afterEach(() => rm(directory, { recursive: true }));
const of = async (path: string): Promise<string> => {
  const { gid, mode } = await stat(join(directory, path));
  return `${gid} ${(mode & 0o7777).toString(8)}`;
};

describe.runIf(process.platform === "linux" && process.getuid?.() === 0)("fsGroup", () => {
  it("owns files and folders, and may read and write them; new ones will be its own", async () => {
    await setVolumeGroup(volume, { fsGroup: GROUP });
    expect(await of("volume/a/b/file")).toBe(`${GROUP} 660`);
    expect(await of("volume/a/b")).toBe(`${GROUP} 2775`);
    expect(await of("volume")).toBe(`${GROUP} 2775`);
  });

  it("with OnRootMismatch leaves a volume alone whose root is right", async () => {
    await setVolumeGroup(volume, { fsGroup: GROUP });
    await writeFile(join(volume, "later"), "x", { mode: 0o600 });
    const later = await of("volume/later");
    await setVolumeGroup(volume, { fsGroup: GROUP, fsGroupChangePolicy: "OnRootMismatch" });
    expect(await of("volume/later")).toBe(later);
    await setVolumeGroup(volume, { fsGroup: GROUP });
    expect(await of("volume/later")).toBe(`${GROUP} 660`);
  });

  it("does not own what links lead to", async () => {
    const before = await of("outside");
    await symlink(join(directory, "outside"), join(volume, "a/link"));
    await symlink(directory, join(volume, "up"));
    await setVolumeGroup(volume, { fsGroup: GROUP });
    expect(await of("outside")).toBe(before);
  });

  it("gives nothing outside away while a pod swaps a folder for a link", async () => {
    const before = await of("outside");
    await rename(join(directory, "outside"), join(directory, "target"));
    await mkdir(join(directory, "outside"));
    await rename(join(directory, "target"), join(directory, "outside/file"));
    await symlink(join(directory, "outside"), join(volume, "evil"));
    let isDone = false;
    const swapping = (async () => {
      while (!isDone) {
        await rename(join(volume, "a"), join(volume, "aside"));
        await rename(join(volume, "evil"), join(volume, "a"));
        await rename(join(volume, "a"), join(volume, "evil"));
        await rename(join(volume, "aside"), join(volume, "a"));
      }
    })();
    for (let round = 0; round < 200; round++) await setVolumeGroup(volume, { fsGroup: GROUP });
    isDone = true;
    await swapping;
    expect(await of("outside/file")).toBe(before);
  });

  it("gives up on a tree that is made to be deep", async () => {
    await mkdir(join(volume, ...Array.from({ length: 300 }, () => "d")), { recursive: true });
    await expect(setVolumeGroup(volume, { fsGroup: GROUP })).rejects.toThrow(
      "more than 256 folders inside each other",
    );
  });
});
