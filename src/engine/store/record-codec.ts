/**
 * The bytes of one durable revision: a checksum over everything, so that a flipped bit or a record
 * at the wrong place is noticed when it is read, and never served.
 *
 *     crc32 (4) | kind (1) | key length (2) | key, as group/plural/namespace/name | JSON
 *
 * The checksum also covers the revision, which is the record's key in the database.
 */
import { crc32 } from "node:zlib";
import type { LogRecord } from "./revision-log.ts";
import { keyId } from "./write-batch.ts";

const CRC_BYTES = 4;
const HEADER_BYTES = CRC_BYTES + 1 + 2;

/** `kind` is the format version in the high half, so that it can change, and flags below. */
const FORMAT = 1 << 4;
const DELETED = 1;
const EPHEMERAL = 2;

export function encodeRecord({ revision, type, key, ephemeral, json }: LogRecord): Buffer {
  const id = keyId(key);
  const idBytes = Buffer.byteLength(id);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + idBytes + json.length);
  const flags = (type === "delete" ? DELETED : 0) | (ephemeral ? EPHEMERAL : 0);
  bytes.writeUInt8(FORMAT | flags, CRC_BYTES);
  bytes.writeUInt16LE(idBytes, CRC_BYTES + 1);
  bytes.write(id, HEADER_BYTES);
  json.copy(bytes, HEADER_BYTES + idBytes);
  bytes.writeUInt32LE(checksum(bytes, revision), 0);
  return bytes;
}

/** The record, its JSON a view of `bytes`; or what is wrong with it. */
export function decodeRecord(bytes: Buffer, revision: number): LogRecord | string {
  if (bytes.length < HEADER_BYTES) return "it is cut short";
  if (bytes.readUInt32LE(0) !== checksum(bytes, revision)) return "its checksum does not match";
  const kind = bytes.readUInt8(CRC_BYTES);
  if ((kind & 0xf0) !== FORMAT) return "it was written by a newer version of Gantry";
  const jsonStart = HEADER_BYTES + bytes.readUInt16LE(CRC_BYTES + 1);
  const [group, plural, namespace, name, more] = bytes
    .toString("utf8", HEADER_BYTES, jsonStart)
    .split("/");
  if (
    group === undefined ||
    plural === undefined ||
    namespace === undefined ||
    name === undefined ||
    more !== undefined
  )
    return "its key is malformed";
  return {
    revision,
    type: (kind & DELETED) === 0 ? "put" : "delete",
    ephemeral: (kind & EPHEMERAL) !== 0,
    key: Object.freeze({ group, plural, namespace, name }),
    json: bytes.subarray(jsonStart),
  };
}

function checksum(bytes: Buffer, revision: number): number {
  // The seed only has to differ between revisions that can be mistaken for each other.
  return crc32(bytes.subarray(CRC_BYTES), revision % 0x1_0000_0000);
}
