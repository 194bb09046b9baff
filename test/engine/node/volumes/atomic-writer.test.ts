import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type VolumePayload,
  writeAtomically,
} from "../../../../src/engine/node/volumes/atomic-writer.ts";

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "gantry-volume-")), "volume");
});
afterEach(() => rm(join(directory, ".."), { recursive: true }));

const payload = (files: Readonly<Record<string, string>>, mode = 0o644): VolumePayload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), mode }]));
const visible = async (): Promise<string[]> =>
  (await readdir(directory)).filter((name) => !name.startsWith("..")).sort();
const read = (path: string): Promise<string> => readFile(join(directory, path), "utf8");

it("shows files with their modes, in folders when asked", async () => {
  expect(await writeAtomically(directory, payload({ a: "1", "sub/dir/b": "2" }, 0o400))).toBe(true);
  expect(await visible()).toEqual(["a", "sub"]);
  expect(await read("a")).toBe("1");
  expect(await read("sub/dir/b")).toBe("2");
  expect((await stat(join(directory, "a"))).mode & 0o777).toBe(0o400);
});

it("shows nobody else a file before it has its mode", async () => {
  const files = new Map([["token", { bytes: Buffer.from("secret"), mode: Number.NaN }]]);
  await expect(writeAtomically(directory, files)).rejects.toThrow("mode");
  const [unfinished = ""] = await readdir(directory);
  expect((await stat(join(directory, unfinished, "token"))).mode & 0o777).toBe(0o600);
});

it("swaps all files at once: a reader that holds ..data sees one state", async () => {
  await writeAtomically(directory, payload({ a: "old", b: "old" }));
  const generation = await readlink(join(directory, "..data"));
  const seen: string[] = [];
  let done = false;
  const reading = (async () => {
    while (!done) {
      const current = await readlink(join(directory, "..data"));
      const texts = await Promise.all(
        ["a", "b"].map((name) => read(join(current, name)).catch(() => "gone")),
      );
      seen.push(texts.join(" "));
    }
  })();
  for (let round = 0; round < 20; round++)
    await writeAtomically(directory, payload({ a: `${round}`, b: `${round}` }));
  done = true;
  await reading;
  for (const texts of seen) {
    const [a, b] = texts.split(" ");
    if (a !== "gone" && b !== "gone") expect(a).toBe(b);
  }
  expect(await readlink(join(directory, "..data"))).not.toBe(generation);
  expect((await readdir(directory)).filter((name) => name.startsWith(".."))).toHaveLength(2);
});

it("adds and removes names", async () => {
  await writeAtomically(directory, payload({ a: "1", b: "1" }));
  await writeAtomically(directory, payload({ b: "2", c: "2" }));
  expect(await visible()).toEqual(["b", "c"]);
  await writeAtomically(directory, payload({}));
  expect(await visible()).toEqual([]);
});

it("does nothing when nothing changed", async () => {
  await writeAtomically(directory, payload({ a: "1" }));
  const before = await readlink(join(directory, "..data"));
  expect(await writeAtomically(directory, payload({ a: "1" }))).toBe(false);
  expect(await readlink(join(directory, "..data"))).toBe(before);
  expect(await writeAtomically(directory, payload({ a: "1" }, 0o600))).toBe(true);
});

it("leaves what others put there", async () => {
  await writeAtomically(directory, payload({ a: "1" }));
  await mkdir(join(directory, "mounted"));
  await symlink("/elsewhere", join(directory, "linked"));
  await writeAtomically(directory, payload({ a: "2" }));
  expect(await visible()).toEqual(["a", "linked", "mounted"]);
  expect((await lstat(join(directory, "linked"))).isSymbolicLink()).toBe(true);
});

it("goes on after a crash in the middle", async () => {
  await writeAtomically(directory, payload({ a: "1" }));
  await mkdir(join(directory, "..half-written"));
  await symlink("..half-written", join(directory, "..data_tmp"));
  await writeAtomically(directory, payload({ a: "2" }));
  expect(await read("a")).toBe("2");
  expect(await readdir(directory)).not.toContain("..half-written");
});
