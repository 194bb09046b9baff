/** The hooks of one sync: which run, as which objects, and what happens to those objects. */
import { parseTime } from "../../client/timestamps.ts";
import type { Application, ApplicationOperationResource } from "../../kube/kinds/application.ts";
import { type JsonObject, type KubeObject, keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { type Desired, sha256 } from "../plan/desired.ts";
import { FIELD_MANAGER } from "../plan/field-manager.ts";
import {
  deletePolicies,
  HOOK_FINALIZER,
  HOOK_RUN_ANNOTATION,
  type HookPhase,
  hookPhases,
  hookRunOf,
  placeholderName,
} from "../plan/hooks.ts";
import { hookProgress, type HookProgress, type HookFacts } from "../plan/hook-progress.ts";
import { type ObjectRef, refKey, refOf } from "../plan/object-ref.ts";
import type { LiveObjects } from "../plan/planner.ts";
import type { HookRun } from "../plan/steps.ts";
import { trackingLabel, withTracking } from "../plan/tracking.ts";
import type { ApplyOptions } from "./object-result.ts";
import { removeObject } from "./prune-object.ts";

const SHORT_REVISION = 7;

export interface HookSync {
  readonly application: Application;
  readonly syncId: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly revision: string;
}

/** The runs of these phases, with their objects named and marked for this sync. */
export function hookRuns(
  hooks: readonly Desired[],
  phases: readonly HookPhase[],
  sync: HookSync,
): HookRun[] {
  const { status } = sync.application;
  const isInstalled =
    status?.lastSynced !== undefined ||
    (status?.history ?? []).some(({ outcome }) => outcome !== "Failed");
  return hooks.flatMap((desired) =>
    hookPhases(desired.object, isInstalled)
      .filter((phase) => phases.includes(phase))
      .map((phase) => ({ phase, desired: hookDesired(desired, phase, sync) })),
  );
}

export function runIdOf({ phase }: HookRun, { syncId }: HookSync): string {
  return `${syncId}.${phase}`;
}

function hookDesired(desired: Desired, phase: HookPhase, sync: HookSync): Desired {
  const { metadata } = desired.object;
  const { generateName, ...named } = metadata as typeof metadata & { generateName?: string };
  const prefix = generateName ?? "";
  const isMadeUp = desired.ref.name === "" || desired.ref.name === placeholderName(prefix);
  const name = isMadeUp ? madeUpName(prefix, phase, sync) : named.name;
  const finalizers = removesItself(desired.object)
    ? [...(metadata.finalizers ?? []), HOOK_FINALIZER]
    : metadata.finalizers;
  const object: KubeObject = {
    ...desired.object,
    metadata: {
      ...named,
      name,
      annotations: { ...metadata.annotations, [HOOK_RUN_ANNOTATION]: `${sync.syncId}.${phase}` },
      ...(finalizers === undefined ? {} : { finalizers }),
    },
  };
  const label = trackingLabel(keyOf(sync.application), sha256);
  return {
    ...desired,
    ref: refOf(object),
    object: withTracking(object, { label, hash: desired.hash }),
  };
}

/** As Argo CD makes it: of the revision, the phase and the second in which the sync began. */
function madeUpName(prefix: string, phase: HookPhase, { revision, startedAt }: HookSync): string {
  const short = revision
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")
    .slice(0, SHORT_REVISION);
  const startedS = Math.floor((parseTime(startedAt) ?? 0) / 1_000);
  return `${prefix}${short}-${phase.toLowerCase()}-${startedS}`;
}

const removesItself = (object: KubeObject): boolean =>
  object.kind === "Job" &&
  (object as { spec?: { ttlSecondsAfterFinished?: number } }).spec?.ttlSecondsAfterFinished !==
    undefined;

/** How far each run is. */
export async function lookAtHooks(
  runs: readonly HookRun[],
  sync: HookSync,
  recorded: readonly ApplicationOperationResource[],
  {
    live,
    health,
    signal,
  }: {
    readonly live: LiveObjects;
    readonly health: HookFacts["health"];
    readonly signal: AbortSignal;
  },
): Promise<Map<HookRun, HookProgress>> {
  const owner = trackingLabel(keyOf(sync.application), sha256);
  const found = new Map<HookRun, HookProgress>();
  for (const run of runs) {
    const before = recorded.find((resource) => isOf(resource, run));
    found.set(
      run,
      hookProgress(run, {
        runId: runIdOf(run, sync),
        owner,
        live: await live.get(run.desired, signal),
        recorded:
          before?.hookPhase === undefined
            ? undefined
            : { as: before.hookPhase, message: before.message ?? "" },
        health,
      }),
    );
  }
  return found;
}

function isOf(resource: ApplicationOperationResource, { phase, desired }: HookRun): boolean {
  const { group = "", namespace = "" } = resource;
  return (
    resource.syncPhase === phase &&
    refKey({ ...resource, group, namespace }) === refKey(desired.ref)
  );
}

/** The live hooks of an Application, of these kinds. */
async function liveHooks(
  application: Application,
  kinds: readonly ObjectRef[],
  live: LiveObjects,
  signal: AbortSignal | undefined,
): Promise<KubeObject[]> {
  if (kinds.length === 0) return [];
  const label = trackingLabel(keyOf(application), sha256);
  const owned = await live.owned(label, kinds, signal);
  return owned.filter((object) => hookRunOf(object) !== undefined);
}

/**
 * Stops the hooks of earlier syncs that still run: two of them must not run side by side.
 * @returns those that are not gone yet
 */
export async function stopOtherHooks(
  application: Application,
  kinds: readonly ObjectRef[],
  deps: ApplyOptions & {
    readonly live: LiveObjects;
    readonly health: HookFacts["health"];
    /** The sync whose hooks may go on. */
    readonly except: string | undefined;
  },
): Promise<ObjectRef[]> {
  const going: ObjectRef[] = [];
  for (const object of await liveHooks(application, kinds, deps.live, deps.signal)) {
    if (deps.except !== undefined && hookRunOf(object)?.startsWith(`${deps.except}.`) === true)
      continue;
    await releaseHook(object, deps);
    const { deletionTimestamp: _going, ...metadata } = object.metadata;
    const status = deps.health({ ...object, metadata })?.status;
    if (status !== "Progressing" && status !== "Suspended") continue;
    const ref = refOf(object);
    if ((await removeObject({ ref, live: object }, deps)) === "going") going.push(ref);
  }
  return going;
}

/** Hooks of an Application that is gone are no longer kept for it. */
export async function releaseHooks(
  application: string,
  kinds: readonly ObjectRef[],
  deps: Pick<ApplyOptions, "client" | "signal"> & { readonly live: LiveObjects },
): Promise<void> {
  if (kinds.length === 0) return;
  const label = trackingLabel(application, sha256);
  for (const object of await deps.live.owned(label, kinds, deps.signal))
    await releaseHook(object, deps);
}

/** At the end of a sync: hooks are deleted as their policies say, and no longer held. */
export async function dropHooks(
  progress: ReadonlyMap<HookRun, HookProgress>,
  sync: HookSync,
  deps: ApplyOptions & { readonly live: LiveObjects },
): Promise<void> {
  for (const [run, state] of progress) {
    if (state.is !== "ended") continue;
    const live = await deps.live.get(run.desired, deps.signal);
    if (live === undefined || hookRunOf(live) !== runIdOf(run, sync)) continue;
    await releaseHook(live, deps);
    const policies = deletePolicies(run.desired.object);
    const policy = state.as === "Succeeded" ? "HookSucceeded" : "HookFailed";
    if (policies.includes(policy)) await removeObject({ ref: run.desired.ref, live }, deps);
  }
}

/** Lets an object go that was kept until its end was seen. */
export async function releaseHook(
  { apiVersion, kind, metadata, ...rest }: KubeObject,
  { client, signal }: Pick<ApplyOptions, "client" | "signal">,
): Promise<void> {
  if (metadata.finalizers?.includes(HOOK_FINALIZER) !== true) return;
  const resource = await client.resourceFor(apiVersion, kind);
  if (resource === undefined) return;
  const finalizers = metadata.finalizers.filter((name) => name !== HOOK_FINALIZER);
  const body: JsonObject = { metadata: { finalizers } };
  const options = { fieldManager: FIELD_MANAGER, ...(signal === undefined ? {} : { signal }) };
  try {
    const key = parseKey(keyOf({ apiVersion, kind, metadata, ...rest }));
    await client.patch(resource, key, { type: "merge", body }, options);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
