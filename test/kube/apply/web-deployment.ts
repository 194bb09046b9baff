/** A Deployment, and the endpoint that tests write it through. */
import type { Deployment } from "kubernetes-types/apps/v1";
import type { ManagedFieldsEntry } from "kubernetes-types/meta/v1";
import { applyPatch, type ApplyResult } from "../../../src/kube/apply/server-side-apply.ts";
import { trackUpdate } from "../../../src/kube/apply/track-update.ts";
import { deepFreeze, type KubeObject, type Live } from "../../../src/kube/object.ts";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import { schemaOf } from "../../../src/kube/schema/definitions.ts";

export type Web = Live<Deployment>;

const found = schemaOf("apps/v1", "Deployment");
if (found === undefined) throw new Error("no schema for Deployment");
export const schema = found;

export const identity = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
} as const;

/** A Deployment with this spec; tests leave out what they do not look at. */
export function web(spec: unknown, metadata: object = {}): KubeObject {
  return deepFreeze({
    ...identity,
    metadata: { ...identity.metadata, ...metadata },
    ...(spec === undefined ? {} : { spec: structuredClone(spec) }),
  });
}

export function containers(...list: object[]): object {
  return { template: { spec: { containers: list } } };
}

export interface WriteOptions {
  readonly force?: boolean;
  readonly at?: number;
  readonly subresource?: string;
}
const timeOf = (minute = 0): string =>
  new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString().replace(".000", "");

export function apply(
  live: Web | undefined,
  manager: string,
  patch: unknown,
  { force, at, subresource }: WriteOptions = {},
): ApplyResult<Web> {
  return applyPatch<Web>({
    live,
    patch: patch as KubeObject,
    manager,
    force,
    nowIso: timeOf(at),
    apiVersion: "apps/v1",
    subresource,
    statusSubresource: true,
    schema,
  });
}

/** An apply that must not conflict, stored as the API server stores it: defaulted and frozen. */
export function applied(
  live: Web | undefined,
  manager: string,
  patch: unknown,
  options: WriteOptions = {},
): Web {
  const { object, conflicts } = apply(live, manager, patch, options);
  if (conflicts.length > 0) throw new Error(`unexpected conflicts: ${JSON.stringify(conflicts)}`);
  return object === live ? object : stored(object);
}

export function updated(
  live: Web | undefined,
  manager: string,
  next: unknown,
  { at, subresource }: WriteOptions = {},
): Web {
  return stored(
    trackUpdate<Web>({
      live,
      next: next as Web,
      manager,
      nowIso: timeOf(at),
      apiVersion: "apps/v1",
      subresource,
      schema,
    }),
  );
}

export function stored(object: Web): Web {
  return deepFreeze(applyDefaults(schema, object));
}

export function entryOf(object: Web, manager: string): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find((entry) => entry.manager === manager);
}

/** The fields of a manager as JSON, as `kubectl get --show-managed-fields` shows them. */
export function fieldsOf(object: Web, manager: string): unknown {
  return entryOf(object, manager)?.fieldsV1;
}
