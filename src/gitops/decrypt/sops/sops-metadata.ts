/** The metadata that SOPS keeps beside what it encrypted: who can decrypt it, and the MAC. */
import type { Json, JsonObject } from "../../../kube/object.ts";
import { DecryptError } from "../decrypt-error.ts";

/** A copy of the data key (or of a part of it), encrypted for one key. */
export interface WrappedKey {
  readonly kind: "age" | "pgp" | "service";
  /** Recipient, fingerprint, or the name of a key in a service: no secret. */
  readonly name: string;
  readonly enc: string;
}

export interface SopsMetadata {
  readonly mac: string;
  readonly lastModified: string;
  /** Whether the MAC covers encrypted values only. */
  readonly macOnlyEncrypted: boolean;
  /** Several: each holds a part of the data key. */
  readonly groups: readonly (readonly WrappedKey[])[];
  /** How many groups must be opened. */
  readonly threshold: number;
}

/** Real files name a handful; each costs a public-key operation. */
const MAX_WRAPPED_KEYS = 200;

/** Keys of services, and what of them names the key. */
const SERVICES: readonly (readonly [list: string, what: string, fields: readonly string[]])[] = [
  ["kms", "AWS KMS", ["arn"]],
  ["gcp_kms", "Google Cloud KMS", ["resource_id"]],
  ["azure_kv", "Azure Key Vault", ["vault_url", "name"]],
  ["hc_vault", "HashiCorp Vault", ["vault_address", "engine_path", "key_name"]],
  ["hckms", "Huawei Cloud KMS", ["key_id"]],
];

/** @throws DecryptError `malformed` */
export function parseMetadata(metadata: JsonObject): SopsMetadata {
  const { mac, lastmodified, key_groups: parts } = metadata;
  if (typeof mac !== "string" || typeof lastmodified !== "string")
    throw malformed("its `sops` block has no MAC");
  const groups =
    Array.isArray(parts) && parts.length > 0
      ? parts.map((part: Json) => keysOf(isObject(part) ? part : {}))
      : [keysOf(metadata)];
  if (groups.flat().length > MAX_WRAPPED_KEYS)
    throw malformed(`it names more than ${MAX_WRAPPED_KEYS} keys`);
  const threshold = Number(metadata["shamir_threshold"] ?? 0);
  return {
    mac,
    lastModified: lastmodified,
    macOnlyEncrypted: isTrue(metadata["mac_only_encrypted"]),
    groups,
    threshold: Number.isSafeInteger(threshold) && threshold > 0 ? threshold : groups.length,
  };
}

function keysOf(group: JsonObject): WrappedKey[] {
  const keys: WrappedKey[] = [];
  const listed = (list: string): JsonObject[] => {
    const items = group[list];
    return Array.isArray(items) ? items.filter((item) => isObject(item)) : [];
  };
  for (const { recipient, enc } of listed("age"))
    keys.push({ kind: "age", name: textOf(recipient), enc: textOf(enc) });
  for (const { fp, enc } of listed("pgp"))
    keys.push({ kind: "pgp", name: textOf(fp).toUpperCase(), enc: textOf(enc) });
  for (const [list, what, fields] of SERVICES)
    for (const item of listed(list)) {
      const name = fields.map((field) => textOf(item[field])).join("/");
      keys.push({ kind: "service", name: `${what} ${name}`, enc: "" });
    }
  return keys;
}

const LIST = /^(.*?)__(list_(\d{1,4})|map_(.+?))(?=__|$)(.*)$/s;

/**
 * Metadata as formats without nesting hold it: `age__list_0__map_enc` is `age[0].enc`.
 */
export function unflatten(flat: readonly (readonly [key: string, value: string])[]): JsonObject {
  const root: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of flat) {
    const path = flatPath(key);
    let at: Record<string, unknown> = root;
    for (const name of path.slice(0, -1)) {
      const next = at[name];
      at = (
        typeof next === "object" && next !== null ? next : (at[name] = Object.create(null))
      ) as Record<string, unknown>;
    }
    at[path.at(-1) ?? ""] = value;
  }
  return asLists(root) as JsonObject;
}

function flatPath(key: string): string[] {
  const path: string[] = [];
  let [head, rest] = split(key);
  path.push(head);
  while (rest !== "") {
    const match = LIST.exec(rest);
    if (match === null) break;
    [head, rest] = [match[3] === undefined ? (match[4] ?? "") : `#${match[3]}`, match[5] ?? ""];
    path.push(head);
  }
  return path;
}

function split(key: string): [string, string] {
  const at = key.search(/__(list|map)_/);
  return at < 0 ? [key, ""] : [key.slice(0, at), key.slice(at)];
}

function asLists(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, asLists(each)] as const);
  if (entries.length > 0 && entries.every(([key]) => /^#\d+$/.test(key)))
    return entries
      .toSorted(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)))
      .map(([, each]) => each);
  return Object.fromEntries(entries);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Formats without types hold it as text. */
function isTrue(value: Json | undefined): boolean {
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

export function malformed(what: string): DecryptError {
  return new DecryptError(
    "malformed",
    `it claims to be encrypted with SOPS, but ${what}`,
    "Encrypt the file again with sops.",
  );
}

/** Whom a file is encrypted for, as a phrase: `age age1…, pgp 0123…, AWS KMS arn:…`. */
export function recipientsOf({ groups }: Pick<SopsMetadata, "groups">): string {
  const names = groups
    .flat()
    .map(({ kind, name }) => (kind === "service" ? name : `${kind} ${name}`));
  return names.length === 0 ? "nobody" : shownNames(names);
}

/** Names shown in one message. */
const MAX_NAMES_SHOWN = 10;
const MAX_NAME_LENGTH = 120;

/** Names that a file claims are shown, but neither without end nor with control characters. */
export function shownNames(names: readonly string[]): string {
  const shown = names
    .slice(0, MAX_NAMES_SHOWN)
    .map((name) => name.replace(/[^\x20-\x7e]/g, "?").slice(0, MAX_NAME_LENGTH));
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
