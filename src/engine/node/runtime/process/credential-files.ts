/**
 * Clients of the API look for their credentials at one absolute path, which no variable changes. So
 * that they find those of their pod, and not those of a pod in which Gantry itself may run, that
 * path is mounted over for the container, where this machine lets us (private-files.ts).
 */
import { mkdir } from "node:fs/promises";
import { posix } from "node:path";
import type { Mount } from "../runtime.ts";
import type { PrivateFile } from "./private-files.ts";

const CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the container mounts there; nothing where the mount point cannot be made. */
export async function credentialFiles(mounts: readonly Mount[]): Promise<readonly PrivateFile[]> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return [];
  const mount = mounts.find(
    ({ containerPath }) => posix.join("/", containerPath, ".") === CREDENTIALS,
  );
  if (mount === undefined) return [];
  try {
    // Empty on the machine itself, and below /run gone with its next start.
    await mkdir(CREDENTIALS, { recursive: true, mode: 0o755 });
  } catch {
    return [];
  }
  return [{ source: mount.hostPath, target: CREDENTIALS }];
}
