/**
 * Carries out a plan: kinds in order, the objects of one kind side by side. One object that is
 * refused does not hold up the others; every outcome is told.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Resource } from "../../kube/kind.ts";
import {
  apiVersionOf,
  type JsonObject,
  type KubeObject,
  type ObjectKey,
} from "../../kube/object.ts";
import { isStatus, StatusError } from "../../kube/status-error.ts";
import { kindRank } from "../plan/kind-order.ts";
import type { ObjectRef } from "../plan/object-ref.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";
import { FIELD_MANAGER } from "../plan/planner.ts";
import type { SyncOptions } from "../plan/sync-options.ts";

/** Requests under way at once; more only queue up behind each other in the API server. */
const CONCURRENCY = 8;
/** How long the API server may take to serve the kind of a CustomResourceDefinition just applied. */
const ESTABLISH_TIMEOUT_MS = 10_000;
const ESTABLISH_INTERVAL_MS = 50;
/** How long a replaced object may take to be gone: a pod's default grace period and some more. */
const GONE_TIMEOUT_MS = 60_000;
const GONE_INTERVAL_MS = 100;

export interface ApplyOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly options: SyncOptions;
  readonly signal?: AbortSignal;
  /** Ask the API server, but change nothing. */
  readonly dryRun?: boolean;
  /** Is told of every write. */
  readonly observer?: WriteObserver;
}
export interface WriteObserver {
  wrote(ref: ObjectRef, live: KubeObject): void;
  /** `live`: the version that was asked to go. */
  removed(ref: ObjectRef, live: KubeObject): void;
}
/** Codes as in Argo CD's `syncResult.resources`. */
export interface ObjectResult {
  readonly ref: ObjectRef;
  readonly status: "Synced" | "SyncFailed" | "Pruned" | "PruneSkipped";
  readonly message: string;
  /** The object as the API server answered. */
  readonly live?: KubeObject;
}

/** Results of everything that was not left unchanged. @throws the signal's reason when aborted */
export async function applyPlan(plan: Plan, options: ApplyOptions): Promise<ObjectResult[]> {
  const results: ObjectResult[] = [];
  for (const group of groups(plan.entries)) {
    // What replaces a pruned object may be what failed.
    const keepsAll = results.some((result) => result.status === "SyncFailed");
    const queue = [...group];
    const worker = async (): Promise<void> => {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        options.signal?.throwIfAborted();
        const result =
          keepsAll && entry.action === "prune" ? kept(entry) : await carryOut(entry, options);
        if (result !== undefined) results.push(result);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, queue.length) }, worker));
  }
  return results;
}

/** Runs of entries of the same rank and direction, in the plan's order. */
function groups(entries: readonly PlanEntry[]): PlanEntry[][] {
  const found: PlanEntry[][] = [];
  let last: string | undefined;
  for (const entry of entries) {
    if (entry.action === "unchanged") continue;
    const id = `${entry.desired === undefined ? "prune" : "apply"}/${kindRank(entry.ref.kind)}`;
    if (id !== last) found.push([]);
    last = id;
    found.at(-1)?.push(entry);
  }
  return found;
}

function kept({ ref }: PlanEntry): ObjectResult {
  const message = "not pruned while other objects of this sync fail";
  return { ref, status: "PruneSkipped", message };
}

async function carryOut(
  entry: PlanEntry,
  options: ApplyOptions,
): Promise<ObjectResult | undefined> {
  const { ref } = entry;
  try {
    switch (entry.action) {
      case "unchanged":
        return undefined;
      case "skip":
        return entry.desired === undefined
          ? { ref, status: "PruneSkipped", message: entry.reason ?? "" }
          : undefined;
      case "refuse":
        return { ref, status: "SyncFailed", message: entry.reason ?? "refused" };
      case "prune":
        return await prune(entry, options);
      case "replace":
        if (options.dryRun === true) return synced(entry, options);
        await remove(entry, options);
        return await apply(entry, options);
      case "create":
      case "update":
        return await apply(entry, options);
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { ref, status: "SyncFailed", message: error.message };
  }
}

async function apply(entry: PlanEntry, options: ApplyOptions): Promise<ObjectResult> {
  const { desired, ref } = entry;
  if (desired === undefined) throw new Error("an entry to apply has no desired object");
  // The kind of a CustomResourceDefinition that a dry run does not create is never served.
  if (options.dryRun === true && !(await isServed(desired.resource, options)))
    return synced(entry, options);
  const resource = await served(desired.resource, options);
  const write = (): Promise<KubeObject> =>
    options.client.patch(
      resource,
      keyOfRef(ref),
      { type: "apply", body: desired.object as unknown as JsonObject },
      {
        force: true,
        fieldManager: FIELD_MANAGER,
        fieldValidation: "Strict",
        ...(options.dryRun === true ? { dryRun: true } : {}),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
    );
  try {
    return synced(entry, options, await write());
  } catch (error) {
    if (!isMissingNamespace(error, ref) || !options.options.createNamespace) throw error;
    if (options.dryRun === true) return synced(entry, options);
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

function isMissingNamespace(error: unknown, ref: ObjectRef): boolean {
  return (
    isStatus(error, "NotFound") &&
    error.status.details?.kind === "namespaces" &&
    error.status.details.name === ref.namespace
  );
}

async function createNamespace(name: string, { client }: ApplyOptions): Promise<void> {
  const resource = await client.resourceFor("v1", "Namespace");
  if (resource === undefined) return;
  try {
    await client.create(
      resource,
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

async function prune(entry: PlanEntry, options: ApplyOptions): Promise<ObjectResult> {
  const { client, options: sync, signal, dryRun, observer } = options;
  const { ref, live } = entry;
  if (dryRun === true) return { ref, status: "Pruned", message: "would be pruned" };
  const resource = await client.resourceFor(apiVersionOf(ref), ref.kind);
  if (resource !== undefined) {
    const uid = live?.metadata.uid;
    try {
      await client.delete(resource, keyOfRef(ref), {
        propagationPolicy: sync.prunePropagation,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    if (live !== undefined) observer?.removed(ref, live);
  }
  return { ref, status: "Pruned", message: "pruned" };
}

async function remove(entry: PlanEntry, options: ApplyOptions): Promise<void> {
  const { client, clock, signal } = options;
  const resource = entry.desired?.resource;
  if (resource === undefined) return;
  const deadlineMs = clock.now() + GONE_TIMEOUT_MS;
  await prune(entry, options);
  for (;;) {
    try {
      const left = await client.get(resource, keyOfRef(entry.ref));
      if (left.metadata.uid !== entry.live?.metadata.uid) return;
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      throw error;
    }
    if (clock.now() >= deadlineMs)
      throw StatusError.of(
        "Timeout",
        "the old object is still being deleted; its finalizers hold it",
      );
    await sleep(clock, GONE_INTERVAL_MS, signal);
  }
}

function keyOfRef(ref: ObjectRef): ObjectKey {
  return ref.namespace === "" ? { name: ref.name } : { namespace: ref.namespace, name: ref.name };
}
