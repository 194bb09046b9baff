import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VolumeMount } from "kubernetes-types/core/v1";
import { afterEach, beforeEach, expect, it } from "vitest";
import { containerMounts } from "../../../../src/engine/node/volumes/container-mounts.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-mounts-"));
  await mkdir(join(directory, "data/logs"), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

const resolve = async (mount: Omit<VolumeMount, "name" | "mountPath">, isProjected = false) => {
  const [made] = await containerMounts({
    container: { name: "web", volumeMounts: [{ name: "data", mountPath: "/data", ...mount }] },
    volumes: new Map([["data", join(directory, "data")]]),
    env: new Map([["POD_NAME", "web-0"]]),
    subPathDirectory: join(directory, "subpaths"),
    isProjected: () => isProjected,
  });
  return made;
};

it("mounts the volume, or a part of it", async () => {
  expect(await resolve({})).toEqual({
    hostPath: join(directory, "data"),
    containerPath: "/data",
    readOnly: false,
  });
  expect((await resolve({ subPath: "logs", readOnly: true }))?.hostPath).toBe(
    join(directory, "data/logs"),
  );
});

it("makes a sub-path that is not there, with variables expanded", async () => {
  const made = await resolve({ subPathExpr: "pods/$(POD_NAME)" });
  expect(made?.hostPath).toBe(join(directory, "data/pods/web-0"));
  expect((await stat(made?.hostPath ?? "")).isDirectory()).toBe(true);
});

it.each([
  [{ subPath: "../secret" }, /must not contain "\.\."/],
  [{ subPath: "/etc" }, /must not be an absolute path/],
  [{ subPathExpr: "$(UNKNOWN)" }, /undefined variables: UNKNOWN/],
])("refuses %j", async (mount, message) => {
  await expect(resolve(mount)).rejects.toThrow(message);
});

it("refuses a sub-path that a link leads out of the volume", async () => {
  await symlink("/etc", join(directory, "data/link"));
  await expect(resolve({ subPath: "link" })).rejects.toThrow(/leads out of the volume/);
});

it("copies what a sub-path names in a volume that is replaced on update", async () => {
  await writeFile(join(directory, "data/file"), "first");
  const made = await resolve({ subPath: "file" }, true);
  await writeFile(join(directory, "data/file"), "second");
  expect(await readFile(made?.hostPath ?? "", "utf8")).toBe("first");
  await expect(resolve({ subPath: "none" }, true)).rejects.toThrow(/does not exist in volume/);
});

it("refuses a volume that the pod does not have", async () => {
  await expect(
    containerMounts({
      container: { name: "web", volumeMounts: [{ name: "none", mountPath: "/data" }] },
      volumes: new Map(),
      env: new Map(),
      subPathDirectory: directory,
      isProjected: () => false,
    }),
  ).rejects.toThrow(/volume "none" .* is not in the pod/);
});
