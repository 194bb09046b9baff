import { expect, it } from "vitest";
import { parseMounts } from "../../../../src/engine/node/volumes/mount-table.ts";

it("reads paths and types, with whatever stands between them", () => {
  const text = [
    "21 1 0:19 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "22 21 0:20 / /data/pods/a\\040b/volumes/cache rw - tmpfs tmpfs rw,size=1024k",
    "23 21 0:21 /sub /x\\134y rw,nosuid master:2 propagate_from:3 - fuse.sshfs host:/ rw",
    "",
  ].join("\n");
  expect(parseMounts(text)).toEqual([
    { path: "/", type: "ext4" },
    { path: "/data/pods/a b/volumes/cache", type: "tmpfs" },
    { path: "/x\\y", type: "fuse.sshfs" },
  ]);
});
