/** The largest object that is stored. */
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";

/** As etcd's request limit: whoever needs more needs a file, and every watcher gets every version. */
export const MAX_OBJECT_BYTES = 1.5 * 1024 * 1024;

/** Throws 413 `RequestEntityTooLarge`. */
export function checkObjectSize(object: KubeObject): void {
  const json = JSON.stringify(object);
  // A character of a JavaScript string takes at most three bytes in UTF-8.
  if (json.length * 3 <= MAX_OBJECT_BYTES) return;
  const sizeBytes = Buffer.byteLength(json);
  if (sizeBytes <= MAX_OBJECT_BYTES) return;
  throw StatusError.of(
    "RequestEntityTooLarge",
    `${object.kind} "${object.metadata.name}" takes ${sizeBytes} bytes, more than the limit of ${MAX_OBJECT_BYTES}: split it up, or keep the data elsewhere`,
  );
}
