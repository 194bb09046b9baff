/** What no manager ever owns: fields that identify an object or that the server keeps. */
import type { KubeObject } from "../object.ts";
import { difference, differenceBelow, type FieldSet, LEAF } from "./field-set.ts";

/** As upstream strips them. */
const UNTRACKED: FieldSet = {
  "f:apiVersion": LEAF,
  "f:kind": LEAF,
  "f:metadata": {
    ".": LEAF,
    "f:clusterName": LEAF,
    "f:creationTimestamp": LEAF,
    "f:generation": LEAF,
    "f:managedFields": LEAF,
    "f:name": LEAF,
    "f:namespace": LEAF,
    "f:resourceVersion": LEAF,
    "f:selfLink": LEAF,
    "f:uid": LEAF,
  },
};
const STATUS: FieldSet = { "f:status": LEAF };

/** The fields that an owner is recorded for. */
export function trackedFields(fields: FieldSet): FieldSet {
  return difference(fields, UNTRACKED);
}

export function withoutStatus(fields: FieldSet): FieldSet {
  return differenceBelow(fields, STATUS);
}

/** Through which endpoint an object is written. */
export interface WriteScope {
  /** `status` or another subresource; absent or empty for the main resource. */
  readonly subresource?: string | undefined;
  /** The kind has a `/status` endpoint: writes to the main resource leave the status alone. */
  readonly statusSubresource?: boolean | undefined;
}

/** The part of an applied configuration that its endpoint lets through. */
export function writablePart(config: KubeObject, scope: WriteScope): object {
  if (scope.subresource === "status") {
    const { apiVersion, kind, metadata } = config;
    const { name, namespace, uid, resourceVersion } = metadata;
    const identity = { name, namespace, uid, resourceVersion };
    return "status" in config
      ? { apiVersion, kind, metadata: defined(identity), status: config.status }
      : { apiVersion, kind, metadata: defined(identity) };
  }
  if (scope.statusSubresource !== true || !("status" in config)) return config;
  const { status: _, ...rest } = config;
  return rest;
}

function defined(fields: Readonly<Record<string, string | undefined>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
