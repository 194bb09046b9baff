import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findSubPath } from "../../../../src/engine/node/volumes/sub-path.ts";

let directory: string;
let volume: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "gantry-subpath-")));
  volume = join(directory, "volume");
  await mkdir(join(volume, "a"), { recursive: true });
  await mkdir(join(directory, "outside"));
});
afterEach(() => rm(directory, { recursive: true }));

it("makes what is missing, as open as the volume", async () => {
  const { chmod } = await import("node:fs/promises");
  await chmod(volume, 0o777);
  const made = await findSubPath(volume, "a/b/c");
  expect(made).toBe(join(volume, "a/b/c"));
  expect((await stat(made)).mode & 0o777).toBe(process.platform === "linux" ? 0o777 : 0o755);
});

it("finds files, links inside of the volume, and pipes without waiting for a writer", async () => {
  await writeFile(join(volume, "a/file"), "");
  await symlink("a", join(volume, "link"));
  expect(await findSubPath(volume, "a/file")).toBe(join(volume, "a/file"));
  expect(await findSubPath(volume, "link/b")).toBe(join(volume, "a/b"));
});

it.each([
  ["a link out", "../outside", "link"],
  ["below a link out", "../outside", "link/deeper"],
  ["an absolute link", "/etc", "link"],
  ["a link to nowhere outside", "../outside/none", "link"],
  ["below a link to nowhere outside", "/nonexistent/x", "link/deeper"],
])("does not follow %s", async (_, target, subPath) => {
  await symlink(target, join(volume, "link"));
  await expect(findSubPath(volume, subPath)).rejects.toThrow("leads out of the volume");
  expect(await readdir(join(directory, "outside"))).toEqual([]);
  expect(existsSync("/nonexistent")).toBe(false);
});

it("gives up on a loop of links", async () => {
  await symlink("loop", join(volume, "loop"));
  await expect(findSubPath(volume, "loop/x")).rejects.toThrow();
});

it("takes a file for no directory", async () => {
  await writeFile(join(volume, "file"), "");
  await expect(findSubPath(volume, "file/x")).rejects.toThrow();
});

it.runIf(process.platform === "linux")(
  "makes nothing outside while a container swaps a directory for a link",
  async () => {
    const outside = join(directory, "outside");
    await mkdir(join(volume, "real"));
    let isDone = false;
    // What is made in the gap is in the way.
    const move = async (from: string, to: string): Promise<void> => {
      while (
        !(await rename(join(volume, from), join(volume, to)).then(
          () => true,
          () => false,
        ))
      )
        await rm(join(volume, to), { recursive: true, force: true });
    };
    const swapping = (async () => {
      await symlink(outside, join(volume, "evil"));
      while (!isDone) {
        await move("real", "aside");
        await move("evil", "real");
        await move("real", "evil");
        await move("aside", "real");
      }
    })();
    let refused = 0;
    for (let round = 0; round < 300; round++)
      try {
        const found = await findSubPath(volume, `real/made-${round}/deeper`);
        expect(found.startsWith(`${volume}/`)).toBe(true);
      } catch {
        refused++;
      }
    isDone = true;
    await swapping;
    expect(await readdir(outside)).toEqual([]);
    expect(refused).toBeLessThan(300);
  },
);
