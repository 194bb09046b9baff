/**
 * Makes a thin pack whole: servers leave out what deltas are based on when we have it, but a pack
 * on disk must stand alone, for one day the other is dropped.
 */
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import type { GitObject, GitObjectType } from "./git-objects.ts";
import { SourceError } from "./source-error.ts";

const OBJECT_COUNT_OFFSET = 8;
const TRAILER_BYTES = 20;
const TYPE_NUMBERS: Readonly<Record<GitObjectType, number>> = {
  commit: 1,
  tree: 2,
  blob: 3,
  tag: 4,
};

/**
 * Appends the bases that are here; those that are not are in the pack itself.
 * @param read the object, or SourceError `object-missing`
 */
export async function completePack(
  pack: Buffer,
  baseIds: ReadonlySet<string>,
  read: (id: string) => Promise<GitObject>,
): Promise<Buffer> {
  const added: Buffer[] = [];
  for (const id of baseIds) {
    const base = await read(id).catch(absent);
    if (base !== undefined) added.push(entryOf(base));
  }
  if (added.length === 0) return pack;
  const body = Buffer.concat([pack.subarray(0, pack.length - TRAILER_BYTES), ...added]);
  body.writeUInt32BE(pack.readUInt32BE(OBJECT_COUNT_OFFSET) + added.length, OBJECT_COUNT_OFFSET);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

function absent(error: unknown): undefined {
  if (error instanceof SourceError && error.code === "object-missing") return undefined;
  throw error;
}

/** Type and size as in every pack entry: four bits of size first, then seven per byte. */
function entryOf({ type, bytes }: GitObject): Buffer {
  const header: number[] = [];
  let byte = (TYPE_NUMBERS[type] << 4) | (bytes.length & 15);
  let rest = Math.floor(bytes.length / 16);
  while (rest > 0) {
    header.push(byte | 0x80);
    byte = rest & 0x7f;
    rest = Math.floor(rest / 128);
  }
  header.push(byte);
  return Buffer.concat([Buffer.from(header), deflateSync(bytes)]);
}
