/** The largest object that is stored. */
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";

/** As etcd's request limit: whoever needs more needs a file, and every watcher gets every version. */
export const MAX_OBJECT_BYTES = 1.5 * 1024 * 1024;
/** `"\u001f"`: what one UTF-16 code unit of a string can become in JSON. */
const MAX_BYTES_PER_CHARACTER = 6;
/** The longest number, `false`, or the signs around a string, with comma and colon. */
const MAX_BYTES_PER_VALUE = 32;

/** Throws 413 `RequestEntityTooLarge`. */
export function checkObjectSize(object: KubeObject): void {
  // Nearly all objects are far from the limit: they are not encoded just to be measured.
  if (sizeBound(object) <= MAX_OBJECT_BYTES) return;
  const sizeBytes = Buffer.byteLength(JSON.stringify(object));
  if (sizeBytes <= MAX_OBJECT_BYTES) return;
  throw StatusError.of(
    "RequestEntityTooLarge",
    `${object.kind} "${object.metadata.name}" takes ${sizeBytes} bytes, more than the limit of ${MAX_OBJECT_BYTES}: split it up, or keep the data elsewhere`,
  );
}

/** Bytes that the JSON of a value takes at most. */
function sizeBound(value: unknown): number {
  if (typeof value === "string") {
    return MAX_BYTES_PER_VALUE + value.length * MAX_BYTES_PER_CHARACTER;
  }
  if (typeof value !== "object" || value === null) return MAX_BYTES_PER_VALUE;
  let size = MAX_BYTES_PER_VALUE;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) size += sizeBound(item);
    return size;
  }
  const object = value as Readonly<Record<string, unknown>>;
  for (const key in object) {
    size += key.length * MAX_BYTES_PER_CHARACTER + sizeBound(object[key]);
  }
  return size;
}
