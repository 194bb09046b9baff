import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyTree } from "../../../src/engine/storage/local/copy-tree.ts";
import { DirectoryShelf } from "../../../src/engine/storage/local/directory-shelf.ts";
import {
  type LocalDriver,
  openLocalDriver,
} from "../../../src/engine/storage/local/local-driver.ts";
import { openDirectory, openEntry } from "../../../src/engine/storage/local/tree-entry.ts";
import { treeUsage } from "../../../src/engine/storage/local/tree-usage.ts";
import { codeOf, describeVolumeDriver, MEBIBYTE, request, use } from "./driver-conformance.ts";

let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "gantry-volumes-"));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const open = (): Promise<LocalDriver> =>
  openLocalDriver({ directory: join(home, "volumes"), nodeName: "node-1" });
const inVolumes = (...path: string[]): string => join(home, "volumes", ...path);

describeVolumeDriver("local", async () => ({
  driver: await open(),
  home,
  close: () => Promise.resolve(),
}));

describe("local volumes", () => {
  test("are directories that everybody may write to, by name", async () => {
    const { controller } = await open();
    const made = await controller.createVolume(request("pvc-1"));
    expect(made.path).toBe(inVolumes("pvc-1"));
    expect((await stat(inVolumes("pvc-1"))).mode & 0o777).toBe(0o777);
    expect(made.accessibleFrom).toEqual([{ "kubernetes.io/hostname": "node-1" }]);
  });

  test("keep their data over a restart; what was half done is gone", async () => {
    const { controller } = await open();
    await controller.createVolume(request("pvc-1"));
    await writeFile(inVolumes("pvc-1", "file"), "data");
    await mkdir(inVolumes(".unfinished-abc", "deep"), { recursive: true });
    await writeFile(inVolumes(".notes", "pvc-gone.json"), "{}");
    const again = await open();
    expect(await readFile(inVolumes("pvc-1", "file"), "utf8")).toBe("data");
    expect(await readdir(inVolumes())).toEqual([".notes", ".snapshots", "pvc-1"]);
    expect(await readdir(inVolumes(".notes"))).toEqual(["pvc-1.json"]);
    expect((await again.controller.createVolume(request("pvc-1"))).volumeId).toBe("pvc-1");
  });

  test("that failed to be filled leave nothing behind", async () => {
    const shelf = new DirectoryShelf(inVolumes());
    await shelf.sweep();
    const note = { capacityBytes: 1, createdAtMs: 0 };
    const failing = shelf.add("pvc-1", note, async (path) => {
      await mkdir(path);
      await writeFile(join(path, "half"), "");
      throw new Error("the disk failed");
    });
    await expect(failing).rejects.toThrow("the disk failed");
    expect(await shelf.find("pvc-1")).toBeUndefined();
    expect(await readdir(inVolumes())).toEqual([".notes"]);
  });

  test.each(["../escape", "..", ".notes", "a/b", "/etc", "a..b", "", "A", "x\0y"])(
    "are never named %j",
    async (name) => {
      const { controller, node } = await open();
      const volume = { volumeId: name, context: {} };
      expect(await codeOf(controller.createVolume(request(name)))).toBe("InvalidArgument");
      expect(await codeOf(controller.deleteVolume(volume))).toBe("InvalidArgument");
      const publish = node.publishVolume({ ...volume, use, readOnly: false, targetPath: home });
      expect(await codeOf(publish)).toBe("InvalidArgument");
    },
  );

  test("written by hand with a path elsewhere reach nothing and delete nothing", async () => {
    const { controller, node } = await open();
    await controller.createVolume(request("pvc-1"));
    const forged = { volumeId: "pvc-1", context: { directory: "/etc" } };
    const publish = node.publishVolume({ ...forged, use, readOnly: false, targetPath: home });
    expect(await codeOf(publish)).toBe("InvalidArgument");
    expect(await codeOf(controller.deleteVolume(forged))).toBe("InvalidArgument");
    expect((await stat(inVolumes("pvc-1"))).isDirectory()).toBe(true);
  });

  test("whose directory became a link are not followed, neither to use nor to delete", async () => {
    const { controller, node } = await open();
    await mkdir(join(home, "precious"));
    await writeFile(join(home, "precious", "file"), "keep");
    await controller.createVolume(request("pvc-1"));
    await symlink(join(home, "precious"), inVolumes("pvc-1", "inside"));
    await controller.createVolume(request("pvc-2"));
    await rm(inVolumes("pvc-2"), { recursive: true });
    await symlink(join(home, "precious"), inVolumes("pvc-2"));
    const volume = { volumeId: "pvc-2", context: {} };
    const publish = node.publishVolume({ ...volume, use, readOnly: false, targetPath: home });
    expect(await codeOf(publish)).toBe("NotFound");
    await controller.deleteVolume({ volumeId: "pvc-1" });
    await controller.deleteVolume(volume);
    expect(await readFile(join(home, "precious", "file"), "utf8")).toBe("keep");
    expect((await readdir(inVolumes())).filter((name) => !name.startsWith("."))).toEqual([]);
  });

  test("whose directory vanished say so", async () => {
    const { controller, node } = await open();
    await controller.createVolume(request("pvc-1"));
    await rm(inVolumes("pvc-1"), { recursive: true });
    const stats = node.stats({ volumeId: "pvc-1", path: "" });
    await expect(stats).rejects.toThrow(/its directory .*pvc-1 vanished/);
  });

  test("larger than the disk, or block devices, are refused with a reason", async () => {
    const { controller } = await open();
    const huge = request("pvc-1", { size: { requiredBytes: Number.MAX_SAFE_INTEGER } });
    await expect(controller.createVolume(huge)).rejects.toThrow(/the disk of .* has \d+ in all/);
    const block = request("pvc-1", { use: { ...use, volumeMode: "Block" } });
    await expect(controller.createVolume(block)).rejects.toThrow(/volumeMode Block needs/);
  });

  test("that hold more than their size are not well", async () => {
    const { controller, node } = await open();
    await controller.createVolume(request("pvc-1", { size: { requiredBytes: MEBIBYTE } }));
    await writeFile(inVolumes("pvc-1", "file"), Buffer.alloc(3 * MEBIBYTE, 1));
    const { abnormal, availableBytes } = await node.stats({ volumeId: "pvc-1", path: "" });
    expect(abnormal).toMatch(/it holds \d+ bytes, more than its 1048576/);
    expect(availableBytes).toBe(0);
  });

  test("are unadopted until something stands for them or a pod has them, also over a restart", async () => {
    const first = await open();
    await first.controller.createVolume(request("pvc-1"));
    await first.controller.createVolume(request("pvc-2"));
    await first.controller.createVolume(request("pvc-3"));
    await first.adopt("pvc-1");
    const used = { volumeId: "pvc-3", context: {}, use, readOnly: false, targetPath: home };
    await first.node.publishVolume(used);
    expect(await (await open()).unadopted()).toEqual(["pvc-2"]);
  });

  test("with a note that somebody spoilt are kept", async () => {
    const first = await open();
    await first.controller.createVolume(request("pvc-1"));
    await writeFile(inVolumes(".notes", "pvc-1.json"), "{{{");
    const again = await open();
    expect(await again.unadopted()).toEqual([]);
    expect((await again.node.stats({ volumeId: "pvc-1", path: "" })).abnormal).toBeUndefined();
  });
});

describe("a copy of a tree", () => {
  test("has modes, times, links and empty directories, and leaves out what holds no data", async () => {
    const from = join(home, "from");
    await mkdir(join(from, "empty"), { recursive: true });
    await mkdir(join(from, "sealed"));
    await writeFile(join(from, "sealed", "script"), "#!", { mode: 0o750 });
    await symlink("/etc/passwd", join(from, "outside"));
    await utimes(join(from, "sealed", "script"), 1_000, 2_000);
    await chmod(join(from, "sealed"), 0o500);
    const { execFileSync } = await import("node:child_process");
    execFileSync("mkfifo", [join(from, "pipe")]);
    await copyTree(from, join(home, "to"));
    expect((await readdir(join(home, "to"))).toSorted()).toEqual(["empty", "outside", "sealed"]);
    expect(await readlink(join(home, "to", "outside"))).toBe("/etc/passwd");
    const script = await stat(join(home, "to", "sealed", "script"));
    expect([script.mode & 0o777, script.mtimeMs]).toEqual([0o750, 2_000_000]);
    expect((await stat(join(home, "to", "sealed"))).mode & 0o777).toBe(0o500);
    await chmod(join(home, "to", "sealed"), 0o700);
    await chmod(join(from, "sealed"), 0o700);
  });

  test("that fails half way is told of once, to whoever asked for it", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    let to = home;
    while (to.length < 3_700) to = join(to, "d".repeat(200));
    await mkdir(dirname(to), { recursive: true });
    const from = join(home, "from");
    await mkdir(from);
    // One name is too long where it is copied to, and others follow.
    await writeFile(join(from, "n".repeat(250)), "");
    for (let count = 0; count < 6; count++) await mkdir(join(from, `folder-${count}`));
    await expect(copyTree(from, to)).rejects.toMatchObject({ code: "ENAMETOOLONG" });
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("reads what it has looked at, and goes through no link that was put there since", async () => {
    const [tree, outside] = [join(home, "tree"), join(home, "outside")];
    for (const place of [tree, outside])
      await mkdir(join(place, "folder", "inner"), { recursive: true });
    await writeFile(join(tree, "file"), "own");
    await writeFile(join(outside, "file"), "secret");
    const file = await openEntry(join(tree, "file"));
    const folder = await openDirectory(join(tree, "folder", "inner"));
    expect(folder?.stats.isDirectory()).toBe(true);
    for (const name of ["file", "folder"]) {
      await rm(join(tree, name), { recursive: true });
      await symlink(join(outside, name), join(tree, name));
    }
    expect(await openDirectory(join(tree, "folder", "inner"))).toBeUndefined();
    expect(await openDirectory(join(tree, "folder"))).toBeUndefined();
    expect(await readFile(file?.path ?? "", "utf8")).toBe("own");
    await Promise.all([file?.close(), folder?.close()]);
  });

  test("of a deep tree needs no deep stack, and stops when told to", async () => {
    let path = join(home, "from");
    for (let depth = 0; depth < 300; depth++) path = join(path, "d");
    await mkdir(path, { recursive: true });
    await copyTree(join(home, "from"), join(home, "to"));
    expect((await lstat(path.replace(join(home, "from"), join(home, "to")))).isDirectory()).toBe(
      true,
    );
    const stopped = copyTree(join(home, "from"), join(home, "again"), AbortSignal.abort());
    await expect(stopped).rejects.toThrow(/abort/i);
  });
});

test("usage counts files with two names once, follows no links and is bounded", async () => {
  await writeFile(join(home, "file"), Buffer.alloc(MEBIBYTE, 1));
  await link(join(home, "file"), join(home, "second-name"));
  await symlink("/", join(home, "root"));
  const { bytes, complete } = await treeUsage(home);
  expect(complete).toBe(true);
  expect(bytes).toBeGreaterThanOrEqual(MEBIBYTE);
  expect(bytes).toBeLessThan(2 * MEBIBYTE);
  expect(await treeUsage(home, { maxEntries: 2 })).toMatchObject({ inodes: 2, complete: false });
});
