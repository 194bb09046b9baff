import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { directorySize } from "../../../../src/engine/node/volumes/directory-size.ts";

const KB = 1024;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-size-"));
});
afterEach(() => rm(directory, { recursive: true }));
const size = (enough = Infinity, signal = new AbortController().signal): Promise<number> =>
  directorySize(directory, enough, signal);

it("counts files in folders, linked ones once, and does not follow links", async () => {
  await mkdir(join(directory, "a/b"), { recursive: true });
  await writeFile(join(directory, "a/b/file"), Buffer.alloc(64 * KB, 1));
  const alone = await size();
  expect(alone).toBeGreaterThanOrEqual(64 * KB);
  expect(alone).toBeLessThan(128 * KB);
  await link(join(directory, "a/b/file"), join(directory, "again"));
  await symlink("/usr", join(directory, "usr"));
  expect(await size()).toBeLessThan(alone + 16 * KB);
});

it("stops once it is more than enough", async () => {
  for (let index = 0; index < 50; index++)
    await writeFile(join(directory, `file-${index}`), Buffer.alloc(8 * KB, 1));
  const found = await size(16 * KB);
  expect(found).toBeGreaterThan(16 * KB);
  expect(found).toBeLessThan(64 * KB);
});

it("ends when it is told to, and takes what vanished for nothing", async () => {
  await writeFile(join(directory, "file"), "x");
  const abort = new AbortController();
  abort.abort(new Error("enough"));
  await expect(size(Infinity, abort.signal)).rejects.toThrow("enough");
  expect(await directorySize(join(directory, "none"), 1, new AbortController().signal)).toBe(0);
});
