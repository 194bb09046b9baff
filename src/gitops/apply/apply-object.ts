/** Applies one object: where its kind has just been defined, once that is served. */
import { sleep } from "../../client/clock.ts";
import type { Resource } from "../../kube/kind.ts";
import { namespaces } from "../../kube/kinds/namespace.ts";
import { apiVersionOf } from "../../kube/object.ts";
import type { KubeObject } from "../../kube/object.ts";
import { isStatus, StatusError } from "../../kube/status-error.ts";
import { FIELD_MANAGER } from "../plan/field-manager.ts";
import type { ObjectRef } from "../plan/object-ref.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { writeDesired } from "../plan/write-desired.ts";
import type { ApplyOptions, ObjectResult } from "./object-result.ts";

/** How long the API server may take to serve the kind of a CustomResourceDefinition just applied. */
const ESTABLISH_TIMEOUT_MS = 10_000;
const ESTABLISH_INTERVAL_MS = 50;

/** @throws StatusError */
export async function applyObject(entry: PlanEntry, options: ApplyOptions): Promise<ObjectResult> {
  const { desired, ref, action } = entry;
  if (desired === undefined) throw new Error("an entry to apply has no desired object");
  const { client, dryRun = false, signal } = options;
  // The kind of a CustomResourceDefinition that a dry run does not create is never served.
  if (dryRun && (action === "replace" || !(await isServed(desired.resource, options))))
    return synced(entry, options);
  const resource = await served(desired.resource, options);
  const live = action === "replace" ? undefined : entry.live;
  const write = (): Promise<KubeObject> =>
    writeDesired(desired, live, { client, dryRun, signal }, resource);
  try {
    return synced(entry, options, await write());
  } catch (error) {
    if (!isMissingNamespace(error, ref) || !options.options.createNamespace) throw error;
    if (dryRun) return synced(entry, options);
    await createNamespace(ref.namespace, options);
    return synced(entry, options, await write());
  }
}

function synced(
  { ref, action }: PlanEntry,
  { dryRun, observer }: ApplyOptions,
  live?: KubeObject,
): ObjectResult {
  const done = { create: "created", replace: "replaced" }[action as string] ?? "configured";
  if (dryRun === true) return { ref, status: "Synced", message: `would be ${done}` };
  if (live === undefined) return { ref, status: "Synced", message: done };
  observer?.wrote(ref, live);
  return { ref, status: "Synced", message: done, live };
}

export function isMissingNamespace(error: unknown, ref: ObjectRef): boolean {
  return (
    isStatus(error, "NotFound") &&
    error.status.details?.kind === "namespaces" &&
    error.status.details.name === ref.namespace
  );
}

async function createNamespace(name: string, { client }: ApplyOptions): Promise<void> {
  try {
    await client.create(
      namespaces,
      { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      { fieldManager: FIELD_MANAGER },
    );
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

async function isServed(resource: Resource, { client }: ApplyOptions): Promise<boolean> {
  return (await client.resourceFor(apiVersionOf(resource), resource.kind)) !== undefined;
}

/** The resource once the API server serves it: a moment after its CustomResourceDefinition. */
async function served(
  resource: Resource,
  { client, clock, signal }: ApplyOptions,
): Promise<Resource> {
  const deadlineMs = clock.now() + ESTABLISH_TIMEOUT_MS;
  for (;;) {
    const found = await client.resourceFor(apiVersionOf(resource), resource.kind);
    if (found !== undefined) return found;
    if (clock.now() >= deadlineMs)
      throw StatusError.of("NotFound", `the API server does not serve ${resource.kind} yet`);
    await sleep(clock, ESTABLISH_INTERVAL_MS, signal);
  }
}
