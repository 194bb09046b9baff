/**
 * Encoding of stored objects: `metadata.resourceVersion` is set to the revision, the tree is
 * frozen and the JSON made, all exactly once per revision.
 */
import { deepFreeze, type KubeObject } from "../../kube/object.ts";
import type { Stored } from "./store.ts";

/** `object` as it is at `revision`. Freezes what it shares with the given object. */
export function encodeStored(object: KubeObject, revision: number): Stored {
  const versioned = deepFreeze({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(revision) },
  });
  return { revision, object: versioned, json: encodeUtf8(JSON.stringify(versioned)) };
}

/** The inverse, for JSON that {@link encodeStored} made. Keeps `json`, so it must not change later. */
export function decodeStored(json: Buffer, revision: number): Stored {
  const object = JSON.parse(json.toString("utf8")) as KubeObject;
  return { revision, object: deepFreeze(object), json };
}

/**
 * Outside of Node's shared 8 KiB slabs: an object that lives for months would keep the slab, and
 * with it the bytes of neighbours long gone.
 */
function encodeUtf8(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}
