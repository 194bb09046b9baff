/** How a desired object is written: by server-side apply, or as a whole. Dry runs take the same way. */
import type { Client, WriteOptions } from "../../client/client.ts";
import type { Resource } from "../../kube/kind.ts";
import type { JsonObject, KubeObject } from "../../kube/object.ts";
import type { Desired } from "./desired.ts";
import { FIELD_MANAGER } from "./field-manager.ts";
import { hasFormerManager, withoutFormerManagers } from "./field-takeover.ts";
import { keyOfRef } from "./object-ref.ts";
import { trackedBy } from "./tracking.ts";

export interface WriteDeps {
  readonly client: Client;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @param live as it was last seen. @throws StatusError */
export async function writeDesired(
  desired: Desired,
  live: KubeObject | undefined,
  { client, dryRun, signal }: WriteDeps,
  resource: Resource = desired.resource,
): Promise<KubeObject> {
  const { ref, object, options } = desired;
  const write: WriteOptions = {
    fieldManager: managerOf(desired),
    fieldValidation: options.validate ? "Strict" : "Ignore",
    ...(dryRun === true ? { dryRun } : {}),
    ...(signal === undefined ? {} : { signal }),
  };
  if (options.replace && live !== undefined)
    return client.update(resource, replacement(object, live), write);
  if (dryRun !== true && live !== undefined && mustTakeOver(desired, live))
    await giveFields(resource, live, managerOf(desired), { client, signal });
  const body = object as unknown as JsonObject;
  return client.patch(resource, keyOfRef(ref), { type: "apply", body }, { ...write, force: true });
}

export function managerOf({ manager }: Desired): string {
  return manager ?? FIELD_MANAGER;
}

/** Whether an object is about to become ours that others applied before. */
export function mustTakeOver({ options, manager }: Desired, live: KubeObject): boolean {
  return (
    options.takeOver &&
    !options.replace &&
    manager === undefined &&
    trackedBy(live) === undefined &&
    hasFormerManager(live)
  );
}

/** The manifest in the place of the live object; what guards its deletion stays. */
function replacement(object: KubeObject, { metadata }: KubeObject): KubeObject {
  const { resourceVersion, finalizers, ownerReferences } = metadata;
  return {
    ...object,
    metadata: {
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...object.metadata,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

async function giveFields(
  resource: Resource,
  live: KubeObject,
  manager: string,
  { client, signal }: Pick<WriteDeps, "client" | "signal">,
): Promise<void> {
  const { managedFields } = withoutFormerManagers(live, manager).metadata;
  const { namespace, name, resourceVersion } = live.metadata;
  const body = [
    { op: "replace", path: "/metadata/managedFields", value: managedFields },
    // Refused when the object has changed since: the next look does it with what it is then.
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
  ] as unknown as JsonObject[];
  const key = namespace === undefined ? { name } : { namespace, name };
  const options = { fieldManager: manager, ...(signal === undefined ? {} : { signal }) };
  await client.patch(resource, key, { type: "json", body }, options);
}
