import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openArchive } from "../../../../src/gitops/source/artifacts/archive/archive.ts";
import {
  MAX_ARCHIVE_ENTRIES,
  readTar,
} from "../../../../src/gitops/source/artifacts/archive/read-tar.ts";
import { SourceError } from "../../../../src/gitops/source/source-error.ts";
import { pax, type TarMember, tar, tarGz } from "./tar-files.ts";

const HOSTILE: Readonly<Record<string, { members: TarMember[]; says: RegExp }>> = {
  "a path upwards": { members: [{ name: "../../etc/passwd" }], says: /leaves the archive/ },
  "a path upwards in the middle": { members: [{ name: "a/../../b" }], says: /leaves the archive/ },
  "an absolute path": { members: [{ name: "/etc/passwd" }], says: /absolute/ },
  "an absolute path in two parts": {
    members: [{ prefix: "/etc", name: "passwd" }],
    says: /absolute/,
  },
  "a path upwards in an extended header": {
    members: [
      { name: "x", type: "x", content: pax({ path: "../out" }) },
      { name: "harmless", content: "x" },
    ],
    says: /leaves the archive/,
  },
  "a long name upwards": {
    members: [
      { name: "././@LongLink", type: "L", content: `${"a/".repeat(60)}${"../".repeat(61)}b\0` },
      { name: "harmless" },
    ],
    says: /leaves the archive/,
  },
  "control characters in a name": { members: [{ name: "a\nb" }], says: /absolute, leaves/ },
  "a symlink upwards": {
    members: [{ name: "link", type: "2", linkName: "../secret" }],
    says: /a link out of it/,
  },
  "an absolute symlink": {
    members: [{ name: "link", type: "2", linkName: "/etc" }],
    says: /a link out of it/,
  },
  "a symlink upwards in an extended header": {
    members: [
      { name: "x", type: "x", content: pax({ linkpath: "../../secret" }) },
      { name: "a/link", type: "2", linkName: "fine" },
    ],
    says: /a link out of it/,
  },
  "a file through a symlink": {
    members: [
      { name: "dir", type: "2", linkName: "other" },
      { name: "dir/file", content: "x" },
    ],
    says: /both a folder and something else/,
  },
  "a folder where a file is": {
    members: [{ name: "a", content: "x" }, { name: "a/b" }],
    says: /both a folder/,
  },
  "a file where a folder is": {
    members: [{ name: "a/b" }, { name: "a", content: "x" }],
    says: /in it twice/,
  },
  "the same file twice": {
    members: [
      { name: "a.yaml", content: "shown" },
      { name: "./a.yaml", content: "used" },
    ],
    says: /in it twice/,
  },
  "a hard link to what is not there": {
    members: [{ name: "a", type: "1", linkName: "/etc/passwd" }],
    says: /absolute/,
  },
  "a hard link to a symlink": {
    members: [
      { name: "l", type: "2", linkName: "x" },
      { name: "a", type: "1", linkName: "l" },
    ],
    says: /not before it/,
  },
  "a character device": { members: [{ name: "null", type: "3" }], says: /device or a pipe/ },
  "a block device": { members: [{ name: "sda", type: "4" }], says: /device or a pipe/ },
  "a pipe": { members: [{ name: "fifo", type: "6" }], says: /device or a pipe/ },
  "a sparse file": {
    members: [
      { name: "x", type: "x", content: pax({ "GNU.sparse.size": "99999999999" }) },
      { name: "a" },
    ],
    says: /sparse/,
  },
  "an old sparse file": { members: [{ name: "a", type: "S" }], says: /unusual type "S"/ },
  "a name for everything": {
    members: [{ name: "g", type: "g", content: pax({ path: "same" }) }, { name: "a" }],
    says: /global header/,
  },
  "a size that is longer than the archive": {
    members: [{ name: "a", content: "x", sizeBytes: 0o7777777 }],
    says: /ends within "a"/,
  },
  "a size in an extended header that is": {
    members: [
      { name: "x", type: "x", content: pax({ size: "123456789012" }) },
      { name: "a", content: "x" },
    ],
    says: /ends within/,
  },
  "a malformed extended header": {
    members: [{ name: "x", type: "x", content: "999999 path=a\n" }, { name: "a" }],
    says: /malformed/,
  },
  "an endless name": {
    members: [{ name: "L", type: "L", content: "a".repeat(70_000) }, { name: "a" }],
    says: /name in it is too long/,
  },
  "folders without end": {
    members: [
      { name: `${"a/".repeat(49)}b`, content: "x" },
      { name: "L", type: "L", content: "a/".repeat(100) },
      { name: "x" },
    ],
    says: /folders/,
  },
};

test.each(Object.entries(HOSTILE))("%s", (_, { members, says }) => {
  expect(() => readTar(tar(members), "oci://registry/app")).toThrow(says);
  expect(() => readTar(tar(members), "oci://registry/app")).toThrow(SourceError);
});

test("more entries than any chart has", () => {
  const members = Array.from({ length: MAX_ARCHIVE_ENTRIES + 1 }, (_, i) => ({ name: `${i}` }));
  expect(() => readTar(tar(members), "here")).toThrow(/more than 20000 entries/);
});

test("a gzip bomb costs neither memory nor time", async () => {
  const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024), { level: 9 });
  expect(bomb.length).toBeLessThan(400_000);
  const before = process.memoryUsage().rss;
  await expect(openArchive(bomb, "plain", "here")).rejects.toThrow(/unpacks to more than/);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});

test("what is no archive", async () => {
  await expect(openArchive(Buffer.from("<html>not found</html>"), "plain", "here")).rejects.toThrow(
    /no tar archive/,
  );
  const packed = tarGz([{ name: "a", content: "x" }]);
  await expect(openArchive(packed.subarray(0, 40), "plain", "here")).rejects.toThrow(/damaged/);
});

test("a chart with something beside its folder, or a link out of it", async () => {
  const beside = tarGz([{ name: "app/Chart.yaml" }, { name: "other/values.yaml" }]);
  await expect(openArchive(beside, "chart", "here")).rejects.toThrow(/one folder and nothing/);
  await expect(openArchive(tarGz([{ name: "Chart.yaml" }]), "chart", "here")).rejects.toThrow(
    /one folder and nothing/,
  );
  const link = tarGz([
    { name: "app/Chart.yaml" },
    { name: "app/l", type: "2", linkName: "../app/Chart.yaml" },
  ]);
  await expect(openArchive(link, "chart", "here")).rejects.toThrow(/link out of the chart/);
});

test("files, folders, links and modes as they were packed", async () => {
  const archive = await openArchive(
    tarGz([
      { name: "./", type: "5" },
      { name: "./dir/", type: "5" },
      { name: "x", type: "x", content: pax({ path: `dir/${"long".repeat(50)}.yaml` }) },
      { name: "short", content: "long" },
      { name: "run.sh", content: "#!/bin/sh", mode: 0o755 },
      { name: "dir/link", type: "2", linkName: "../run.sh" },
      { name: "same", type: "1", linkName: "run.sh" },
      { name: "g", type: "g", content: pax({ comment: "of git archive" }) },
    ]),
    "plain",
    "here",
  );
  const root = archive.directories.get(archive.rootId)?.entries ?? [];
  expect(root.map(({ name, kind, executable }) => [name, kind, executable])).toEqual([
    ["dir", "directory", false],
    ["run.sh", "file", true],
    ["same", "file", true],
  ]);
  const dir = archive.directories.get(root[0]?.id ?? "")?.entries ?? [];
  expect(dir.map(({ name, kind }) => [name, kind])).toEqual([
    ["link", "symlink"],
    [`${"long".repeat(50)}.yaml`, "file"],
  ]);
  expect(archive.contents.get(dir[0]?.id ?? "")?.toString()).toBe("../run.sh");
});

test("the ids are those that git gives the same files", async () => {
  // git hash-object -t blob; git mktree
  const archive = await openArchive(tarGz([{ name: "a", content: "hello\n" }]), "plain", "here");
  expect([...archive.contents.keys()]).toEqual(["ce013625030ba8dba906f756967f9e9ca394464a"]);
  expect(archive.rootId).toBe("0976950c1fdbcb52435a433913017bf044b3a58f");
});

test("no bytes make it fail otherwise than by refusing", () => {
  const valid = tar([
    { name: "x", type: "x", content: pax({ path: "renamed", size: "3" }) },
    { name: "a", content: "abc" },
    { name: "d/", type: "5" },
    { name: "l", type: "2", linkName: "a" },
  ]);
  const flips = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 });
  fc.assert(
    fc.property(flips, fc.nat(valid.length), (bytes, length) => {
      const damaged = Buffer.from(valid);
      for (const [at, byte] of bytes) damaged[at] = byte;
      try {
        for (const { path } of readTar(damaged.subarray(0, length), "here"))
          expect(path.every((name) => name !== "" && name !== ".." && !name.includes("/"))).toBe(
            true,
          );
      } catch (error) {
        expect(error).toBeInstanceOf(SourceError);
      }
    }),
    { numRuns: 2000 },
  );
});
