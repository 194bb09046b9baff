/** `metadata.managedFields`: who owns which fields, decoded, changed and encoded. */
import type { ManagedFieldsEntry } from "kubernetes-types/meta/v1";
import { deepEqual } from "../equality.ts";
import { isObject } from "../json-object.ts";
import type { KubeObject } from "../object.ts";
import {
  decodeFieldSet,
  type FieldSet,
  FieldSetError,
  isEmpty,
  markDecoded,
  union,
} from "./field-set.ts";

export type Operation = "Apply" | "Update";

/** Who writes: applies and updates of one name, and those of a subresource, count as different. */
export interface Writer {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  /** Empty for the main resource. */
  readonly subresource: string;
}

export interface Owner extends Writer {
  /** RFC 3339; when the owner last changed something. */
  readonly time?: string;
  readonly fields: FieldSet;
  /** The stored entry, while the owner is as it was stored. */
  readonly entry?: ManagedFieldsEntry;
}

/** Owners by {@link writerKey}. */
export type Owners = ReadonlyMap<string, Owner>;

/** Managers that update beyond this are merged, oldest first, as upstream does. */
export const MAX_UPDATE_MANAGERS = 10;
const ANCIENT_CHANGES = "ancient-changes";

/** Two writes with the same key share one entry. Appliers keep theirs across versions. */
export function writerKey(writer: Writer): string {
  const version = writer.operation === "Apply" ? "" : writer.apiVersion;
  return [writer.manager, writer.operation, version, writer.subresource].join("\u0000");
}

const decodedOwners = new WeakMap<object, Owners>();
const NOBODY: Owners = new Map();

/**
 * The owners that a `managedFields` list names. Decoding is remembered by identity: entries of
 * stored objects are frozen and shared from version to version.
 * @throws {FieldSetError} when an entry is malformed
 */
export function decodeOwners(managedFields: readonly ManagedFieldsEntry[] | undefined): Owners {
  if (managedFields === undefined || managedFields.length === 0) return NOBODY;
  const known = decodedOwners.get(managedFields);
  if (known !== undefined) return known;
  const owners = new Map<string, Owner>();
  for (const [index, entry] of managedFields.entries()) {
    const owner = decodeEntry(entry, index);
    owners.set(writerKey(owner), owner);
  }
  if (Object.isFrozen(managedFields)) decodedOwners.set(managedFields, owners);
  return owners;
}

function decodeEntry(entry: ManagedFieldsEntry, index: number): Owner {
  const malformed = (detail: string): FieldSetError =>
    new FieldSetError(`metadata.managedFields[${index}]: ${detail}`);
  const raw: unknown = entry;
  if (!isObject(raw)) throw malformed("must be an object");
  const { manager = "", operation, apiVersion = "", subresource = "", time, fieldsType } = entry;
  if (operation !== "Apply" && operation !== "Update") {
    throw malformed("operation must be `Apply` or `Update`");
  }
  if (apiVersion === "") throw malformed("apiVersion must not be empty");
  if (fieldsType !== "FieldsV1") throw malformed("fieldsType must be FieldsV1");
  const fields = decodeFieldSet(entry.fieldsV1 ?? {});
  return {
    manager,
    operation,
    apiVersion,
    subresource,
    ...(time === undefined ? {} : { time }),
    fields,
    ...(fields === entry.fieldsV1 ? { entry } : {}),
  };
}

/** The list to store; undefined for nobody. Entries that have not changed are stored as they were. */
function encodeOwners(owners: Owners): ManagedFieldsEntry[] | undefined {
  const present = [...owners.values()].filter(({ fields }) => !isEmpty(fields));
  return present.length === 0 ? undefined : present.sort(byStoredOrder).map(encodeEntry);
}

function encodeEntry(owner: Owner): ManagedFieldsEntry {
  if (owner.entry !== undefined) return owner.entry;
  const { manager, operation, apiVersion, time, fields, subresource } = owner;
  markDecoded(fields);
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: fields,
    ...(subresource === "" ? {} : { subresource }),
  };
}

/** As upstream: by operation, age, manager, version and subresource. */
function byStoredOrder(a: Owner, b: Owner): number {
  return (
    compareTexts(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function secondsOf({ time }: Owner): number {
  const milliseconds = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}

/** An owner with other fields; it is as stored only while the fields are the same. */
export function withFields(owner: Owner, fields: FieldSet): Owner {
  if (fields === owner.fields) return owner;
  const { entry: _, ...changed } = owner;
  return { ...changed, fields };
}

/**
 * Merges the oldest updaters of one version into one entry until at most
 * {@link MAX_UPDATE_MANAGERS} are left; appliers are never merged.
 */
export function capUpdaters(owners: Owners): Owners {
  const updaters = [...owners.values()].filter(({ operation }) => operation === "Update");
  let surplus = updaters.length - MAX_UPDATE_MANAGERS;
  if (surplus <= 0) return owners;
  const capped = new Map(owners);
  const oldestOfVersion = new Map<string, Owner>();
  for (const owner of updaters.sort(byStoredOrder)) {
    if (surplus <= 0) break;
    const oldest = oldestOfVersion.get(owner.apiVersion);
    if (oldest === undefined) {
      oldestOfVersion.set(owner.apiVersion, owner);
      continue;
    }
    const { entry: _, ...rest } = owner;
    const bucket = { ...rest, manager: ANCIENT_CHANGES, subresource: "" };
    const bucketKey = writerKey(bucket);
    if (bucketKey === writerKey(owner)) continue;
    const known = capped.get(bucketKey);
    if (known === undefined) capped.delete(writerKey(oldest));
    capped.delete(writerKey(owner));
    const fields = union((known ?? oldest).fields, owner.fields);
    capped.set(bucketKey, { ...bucket, fields });
    surplus--;
  }
  return capped;
}

/** Whether a client asks to forget all owners: it sends `[]` or `[{}]`. */
export function isReset(managedFields: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (managedFields === undefined) return false;
  const [first] = managedFields;
  return (
    first === undefined ||
    (managedFields.length === 1 && isObject(first) && Object.keys(first).length === 0)
  );
}

/** The object without its bookkeeping of owners. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The object with this list of owners, and itself where it has an equal one. */
export function withOwners<T extends KubeObject>(object: T, owners: Owners): T {
  const managedFields = encodeOwners(owners);
  const { managedFields: stored, ...metadata } = object.metadata;
  if (managedFields === undefined) return stored === undefined ? object : { ...object, metadata };
  if (deepEqual(managedFields, stored)) return object;
  return { ...object, metadata: { ...metadata, managedFields } };
}

/**
 * Whether a write changes nothing but the times in `managedFields`: it is to be dropped, so that
 * neither the resource version nor those times move.
 */
export function isNoOpWrite(before: KubeObject, after: KubeObject): boolean {
  if (before === after) return true;
  return (
    deepEqual(withoutTimes(before), withoutTimes(after)) &&
    deepEqual(withoutManagedFields(before), withoutManagedFields(after))
  );
}

/** Entries by who they belong to: their stored order depends on their times. */
function withoutTimes({ metadata }: KubeObject): Readonly<Record<string, unknown>> {
  const entries = (metadata.managedFields ?? []).map((stored) => {
    const { time: _, ...entry } = stored;
    const { manager, operation, apiVersion, subresource } = entry;
    return [JSON.stringify([manager, operation, apiVersion, subresource]), entry];
  });
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>;
}
