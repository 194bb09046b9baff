/**
 * Decrypts what `sops` encrypted. What is encrypted shows by its form alone: the expressions with
 * which SOPS chose fields are not evaluated, so none of them can be hostile; the MAC covers what
 * was left in clear.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Json, JsonObject } from "../../../kube/object.ts";
import { DecryptError } from "../decrypt-error.ts";
import type { Decryptor } from "../decryptor.ts";
import { decryptSecretValues, isLeftEncrypted, isSecret } from "../secret-values.ts";
import { type ClearValue, decryptMac, decryptValue, isEncryptedValue } from "./encrypted-value.ts";
import { decimal, type EncryptedDocument, type Leaf } from "./encrypted-document.ts";
import { isBinary, readEncrypted } from "./file-format.ts";
import type { KeyRing } from "./key-ring.ts";
import { malformed, parseMetadata, type SopsMetadata } from "./sops-metadata.ts";

/** What keeps the MAC of "encrypted values only" apart from that of all values: sha256("sops"). */
const MAC_ONLY_ENCRYPTED = createHash("sha256").update("sops").digest();
/** Kubernetes objects nest some ten levels. */
const MAX_DEPTH = 100;

export class SopsDecryptor implements Decryptor {
  readonly id: string;
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
    this.id = ring.id;
  }

  async decryptFile(path: string, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const found = readEncrypted(path, bytes);
    if (found === undefined) return undefined;
    const metadata = parseMetadata(found.document.metadata);
    const dataKey = await this.#ring.dataKeyOf(metadata);
    const clear = decryptLeaves(found.document, dataKey);
    checkMac(found.document, clear, metadata, dataKey);
    if (!isBinary(found)) return found.document.render(clear);
    const [data] = clear.values();
    return data?.bytes ?? new Uint8Array();
  }

  /**
   * The MAC is not checked: it depends on the order of keys, which objects that went through
   * Kustomize have lost. Every value is still bound to its path and to the file's data key.
   */
  async decryptObject(object: JsonObject): Promise<JsonObject | undefined> {
    if (isLeftEncrypted(object)) return undefined;
    const { sops, ...rest } = object;
    if (typeof sops === "object" && sops !== null && "mac" in sops) {
      const dataKey = await this.#ring.dataKeyOf(parseMetadata(sops as JsonObject));
      return decryptObject(rest, [], dataKey) as JsonObject;
    }
    if (!isSecret(object)) return undefined;
    return decryptSecretValues(object, (name, bytes) => this.decryptFile(name, bytes));
  }
}

function decryptLeaves(
  document: EncryptedDocument,
  dataKey: Uint8Array,
): ReadonlyMap<Leaf, ClearValue> {
  const clear = new Map<Leaf, ClearValue>();
  for (const leaf of document.leaves)
    if (leaf.isText && isEncryptedValue(leaf.text))
      clear.set(leaf, decryptValue(leaf.text, dataKey, leaf.path));
  return clear;
}

function checkMac(
  document: EncryptedDocument,
  clear: ReadonlyMap<Leaf, ClearValue>,
  metadata: SopsMetadata,
  dataKey: Uint8Array,
): void {
  const hash = createHash("sha512");
  if (metadata.macOnlyEncrypted) hash.update(MAC_ONLY_ENCRYPTED);
  for (const leaf of document.leaves) {
    const value = clear.get(leaf);
    if (value === undefined && !metadata.macOnlyEncrypted) hash.update(leaf.text);
    else if (value !== undefined && value.type !== "comment") hash.update(value.bytes);
  }
  const expected = Buffer.from(decryptMac(metadata.mac, dataKey, metadata.lastModified));
  const actual = Buffer.from(hash.digest("hex").toUpperCase());
  if (expected.length === actual.length && timingSafeEqual(expected, actual)) return;
  throw new DecryptError(
    "tampered",
    "its MAC does not fit: fields were changed, added, removed or reordered after it was encrypted",
    "Change encrypted files with `sops edit FILE`, or restore it from Git.",
  );
}

function decryptObject(value: Json, path: readonly string[], dataKey: Uint8Array, depth = 0): Json {
  if (depth > MAX_DEPTH) throw malformed(`it is nested more than ${MAX_DEPTH} levels deep`);
  if (typeof value === "string")
    return isEncryptedValue(value) ? clearJsonValue(decryptValue(value, dataKey, path)) : value;
  if (Array.isArray(value))
    return value
      .filter((item: Json) => !isEncryptedComment(item))
      .map((item: Json) => decryptObject(item, path, dataKey, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      decryptObject(each, [...path, key], dataKey, depth + 1),
    ]),
  );
}

/** SOPS makes items of a list from the comments in it. */
function isEncryptedComment(item: Json): boolean {
  return typeof item === "string" && isEncryptedValue(item) && item.endsWith(",type:comment]");
}

function clearJsonValue({ type, bytes }: ClearValue): Json {
  const text = bytes.toString("utf8");
  if (type === "bool") return text === "True";
  if (type !== "int" && type !== "float") return text;
  // What a number cannot hold without loss stays text.
  const number = Number(text);
  return decimal(number) === text ? number : text;
}
