import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareHostPath } from "../../../../src/engine/node/volumes/host-path.ts";

let directory: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "gantry-hostpath-")));
  await mkdir(join(directory, "srv/data"), { recursive: true });
  await mkdir(join(directory, "private"));
  await writeFile(join(directory, "srv/file"), "");
});
afterEach(() => rm(directory, { recursive: true }));
const at = (path: string): string => join(directory, path);

describe("a type", () => {
  it.each([
    ["", "srv/none"],
    ["Directory", "srv/data"],
    ["DirectoryOrCreate", "srv/new/deep"],
    ["File", "srv/file"],
    ["FileOrCreate", "srv/new-file"],
  ])("%j is fine with %s", async (type, path) => {
    expect(await prepareHostPath({ path: at(path), type }, {})).toBe(at(path));
  });

  it("that makes something makes it as upstream does", async () => {
    await prepareHostPath({ path: at("srv/made"), type: "DirectoryOrCreate" }, {});
    await prepareHostPath({ path: at("srv/made/file"), type: "FileOrCreate" }, {});
    expect((await stat(at("srv/made"))).mode & 0o777).toBe(0o755);
    expect((await stat(at("srv/made/file"))).mode & 0o777).toBe(0o644);
  });

  it.each([
    ["Directory", "srv/none", "is not a directory"],
    ["Directory", "srv/file", "is not a directory"],
    ["File", "srv/data", "is not a file"],
    ["Socket", "srv/file", "is not a socket file"],
    ["CharDevice", "srv/file", "is not a character device"],
    ["BlockDevice", "srv/file", "is not a block device"],
  ])("%s is refused for %s", async (type, path, problem) => {
    await expect(prepareHostPath({ path: at(path), type }, {})).rejects.toThrow(
      `hostPath type check failed: ${at(path)} ${problem}`,
    );
    expect(existsSync(at("srv/none"))).toBe(false);
  });

  it("that makes a file opens nothing that is there: a pipe would hold up the node", async () => {
    execFileSync("mkfifo", [at("srv/pipe")]);
    await expect(
      prepareHostPath({ path: at("srv/pipe"), type: "FileOrCreate" }, {}),
    ).rejects.toThrow("is not a file");
    await writeFile(at("srv/file"), "kept");
    await prepareHostPath({ path: at("srv/file"), type: "FileOrCreate" }, {});
    expect((await stat(at("srv/file"))).size).toBe(4);
  }, 5_000);

  it("knows sockets and devices", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at("srv/socket"), resolve));
    await prepareHostPath({ path: at("srv/socket"), type: "Socket" }, {});
    await prepareHostPath({ path: "/dev/null", type: "CharDevice" }, {});
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("with allowed prefixes", () => {
  const prepare = (path: string, type = "") =>
    prepareHostPath({ path, type }, { allowedPrefixes: [at("srv")] });

  it("what is below one may be mounted, and the prefix itself", async () => {
    expect(await prepare(at("srv"))).toBe(at("srv"));
    expect(await prepare(at("srv/data/"))).toBe(at("srv/data"));
    expect(await prepare(at("srv/new/deep"), "DirectoryOrCreate")).toBe(at("srv/new/deep"));
  });

  it.each(["private", "srv-2", "srv/../private", "private/new"])("%s may not", async (path) => {
    await expect(prepare(`${directory}/${path}`, "DirectoryOrCreate")).rejects.toThrow(
      /may not be mounted on this node: only what is below .*srv is allowed \(--host-path-prefix\)/,
    );
    expect(existsSync(at("private/new"))).toBe(false);
    expect(existsSync(at("srv-2"))).toBe(false);
  });

  it("links do not lead out, not even where there is nothing yet", async () => {
    await symlink(at("private"), at("srv/link"));
    await symlink(at("private/none"), at("srv/dangling"));
    for (const path of ["srv/link", "srv/link/new", "srv/dangling", "srv/dangling/new"])
      await expect(prepare(at(path), "DirectoryOrCreate")).rejects.toThrow("may not be mounted");
    expect(existsSync(at("private/new"))).toBe(false);
    expect(existsSync(at("private/none"))).toBe(false);
  });

  it("a link to the inside is mounted as what it leads to now", async () => {
    await symlink(at("srv/data"), at("srv/link"));
    expect(await prepare(at("srv/link"))).toBe(at("srv/data"));
  });

  it("none at all allow nothing", async () => {
    await expect(prepareHostPath({ path: "/" }, { allowedPrefixes: [] })).rejects.toThrow(
      "nothing is allowed",
    );
  });
});

it("a relative path is refused", async () => {
  await expect(prepareHostPath({ path: "data" }, {})).rejects.toThrow("must be an absolute path");
});
