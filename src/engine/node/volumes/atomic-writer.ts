/**
 * Writes the files of a volume so that readers see all of the old or all of the new state, as the
 * kubelet's AtomicWriter: files live in a fresh directory, `..data` links to it and is swapped by
 * a rename, and each visible name is a link through `..data`.
 */
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";

export interface VolumeFile {
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
  /** Given to when this process is root; else it stays its own. */
  readonly owner?: { readonly uid?: number; readonly gid?: number };
}
/** By relative path with `/`, never absolute and without `..`. */
export type VolumePayload = ReadonlyMap<string, VolumeFile>;

const DATA_LINK = "..data";

/** True when something was written; false when the volume already had exactly this content. */
export async function writeAtomically(directory: string, payload: VolumePayload): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const current = await readlink(join(directory, DATA_LINK)).catch(() => undefined);
  if (current !== undefined && (await holds(join(directory, current), payload))) {
    await linkNames(directory, payload);
    return false;
  }
  const next = `..${randomBytes(8).toString("hex")}`;
  await mkdir(join(directory, next));
  for (const [path, { bytes, mode, owner }] of payload) {
    const target = join(directory, next, path);
    await mkdir(dirname(target), { recursive: true });
    // Nobody else's until it is known whose it is. Its own mode later: this one is subject to the umask.
    await writeFile(target, bytes, { mode: 0o600 });
    await chmod(target, mode);
    if (owner !== undefined && process.getuid?.() === 0)
      await chown(target, owner.uid ?? 0, owner.gid ?? 0);
  }
  await symlink(next, join(directory, `${DATA_LINK}_tmp`)).catch(async (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    await rm(join(directory, `${DATA_LINK}_tmp`));
    await symlink(next, join(directory, `${DATA_LINK}_tmp`));
  });
  await rename(join(directory, `${DATA_LINK}_tmp`), join(directory, DATA_LINK));
  await linkNames(directory, payload);
  await removeStale(directory, payload, next);
  return true;
}

const topNames = (payload: VolumePayload): Set<string> =>
  new Set([...payload.keys()].map((path) => path.split("/")[0] ?? path));

async function linkNames(directory: string, payload: VolumePayload): Promise<void> {
  for (const name of topNames(payload))
    await symlink(join(DATA_LINK, name), join(directory, name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    });
}

/** Only what this writer made: its own links and directories, not an inner mount point. */
async function removeStale(
  directory: string,
  payload: VolumePayload,
  current: string,
): Promise<void> {
  const names = topNames(payload);
  for (const name of await readdir(directory)) {
    if (name === DATA_LINK || name === current || names.has(name)) continue;
    const target = await readlink(join(directory, name)).catch(() => undefined);
    const isOurs = name.startsWith("..") || target === join(DATA_LINK, name);
    if (isOurs) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function holds(directory: string, payload: VolumePayload): Promise<boolean> {
  const present = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  if (present.filter((entry) => entry.isFile()).length !== payload.size) return false;
  for (const [path, { bytes, mode }] of payload) {
    const target = join(directory, path);
    const existing = await readFile(target).catch(() => undefined);
    if (existing === undefined || !existing.equals(bytes)) return false;
    if (((await stat(target)).mode & 0o7777) !== mode) return false;
  }
  return true;
}
