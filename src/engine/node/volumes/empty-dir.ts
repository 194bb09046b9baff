/** `emptyDir` volumes: a directory, or memory, that is the pod's as long as it is on the node. */
import { chmod, mkdir } from "node:fs/promises";
import type { EmptyDirVolumeSource } from "kubernetes-types/core/v1";
import { parseQuantity, quantityToInteger } from "../../../kube/quantity.ts";
import { mountTmpfs } from "./tmpfs.ts";

/** Upstream's mode: any user of the pod may write. */
const MODE = 0o777;

export interface EmptyDir {
  readonly path: string;
  /** Memory was asked for, and a directory on disk stands in for it. */
  readonly fellBack: boolean;
}

export async function prepareEmptyDir(
  directory: string,
  source: EmptyDirVolumeSource,
): Promise<EmptyDir> {
  await mkdir(directory, { recursive: true });
  // Not as an option of mkdir: that one is subject to the umask.
  await chmod(directory, MODE);
  if (source.medium !== "Memory") return { path: directory, fellBack: false };
  const isMemory = await mountTmpfs(directory, limitOf(source));
  return { path: directory, fellBack: !isMemory };
}

/** Bytes; undefined without a limit. */
export function limitOf({ sizeLimit }: EmptyDirVolumeSource): number | undefined {
  if (sizeLimit === undefined) return undefined;
  const bytes = Number(quantityToInteger(parseQuantity(sizeLimit)));
  // As upstream: a limit of nothing is none.
  return bytes > 0 ? bytes : undefined;
}
