/** What is mounted on this machine, from /proc/self/mountinfo (proc(5)); nothing elsewhere. */
import { readFile, realpath } from "node:fs/promises";

export interface MountPoint {
  readonly path: string;
  /** `tmpfs`, `ext4`, … */
  readonly type: string;
}

/** Innermost last, as they were mounted. Their paths have no links in them. */
export async function mountPointsBelow(path: string): Promise<MountPoint[]> {
  const directory = await realpath(path).catch(() => path);
  const text = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return parseMounts(text).filter(
    (mount) => mount.path === directory || mount.path.startsWith(`${directory}/`),
  );
}

export function parseMounts(text: string): MountPoint[] {
  const mounts: MountPoint[] = [];
  for (const line of text.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const path = before.split(" ")[4];
    const [type = ""] = after.split(" ");
    if (path !== undefined) mounts.push({ path: unescape(path), type });
  }
  return mounts;
}

/** Spaces, tabs, line ends and backslashes are written in octal. */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
