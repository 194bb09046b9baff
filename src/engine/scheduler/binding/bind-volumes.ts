/**
 * Before a pod is bound, its claims of mode WaitForFirstConsumer get their volumes: one that exists is
 * given to its claim, another is asked for with the node's name. Then the volume controllers do
 * their work, which is waited for.
 */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { isBound, SELECTED_NODE } from "../volumes/claim-state.ts";
import type { VolumePlan } from "../volumes/plan-volumes.ts";
import type { InformedVolumeCatalog } from "../volumes/volume-catalog.ts";

/** Upstream's bindTimeoutSeconds. */
const BIND_TIMEOUT_MS = 600_000;

/** The volumes did not come; the pod is to be scheduled anew. */
export class VolumeBindingError extends Error {
  override readonly name = "VolumeBindingError";
}

export interface VolumeBindingContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly catalog: InformedVolumeCatalog;
  /** Aborts when the pod is gone or the scheduler stops. */
  readonly signal: AbortSignal;
}

/** @throws {VolumeBindingError} when provisioning failed or took too long; the signal's reason; `StatusError` */
export async function bindVolumes(
  plan: VolumePlan,
  nodeName: string,
  context: VolumeBindingContext,
): Promise<void> {
  const keys = [
    ...plan.toBind.map(({ key }) => key),
    ...plan.toProvision.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`),
  ];
  if (keys.length === 0) return;
  await Promise.all([
    ...plan.toBind.map(({ claim, volume }) => giveVolume(context.client, claim, volume)),
    ...plan.toProvision.map((claim) => askForVolume(context.client, claim, nodeName)),
  ]);
  await untilBound(keys, new Set(plan.toProvision.map(({ metadata }) => metadata.name)), context);
}

async function giveVolume(
  client: Client,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): Promise<void> {
  const { namespace = "", name, uid = "" } = claim.metadata;
  const body = {
    metadata: {
      // Somebody else may have taken it meanwhile.
      resourceVersion: volume.metadata.resourceVersion ?? "",
      annotations: { "pv.kubernetes.io/bound-by-controller": "yes" },
    },
    spec: {
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid },
    },
  };
  await client.patch(persistentVolumes, { name: volume.metadata.name }, { type: "merge", body });
}

async function askForVolume(
  client: Client,
  { metadata }: PersistentVolumeClaim,
  nodeName: string,
): Promise<void> {
  if (metadata.annotations?.[SELECTED_NODE] === nodeName) return;
  const { namespace = "", name, uid = "" } = metadata;
  const body = { metadata: { uid, annotations: { [SELECTED_NODE]: nodeName } } };
  await client.patch(persistentVolumeClaims, { namespace, name }, { type: "merge", body });
}

async function untilBound(
  keys: readonly string[],
  provisioned: ReadonlySet<string>,
  { catalog, clock, signal }: VolumeBindingContext,
): Promise<void> {
  const deadlineMs = clock.now() + BIND_TIMEOUT_MS;
  const asked = new Set<string>();
  for (;;) {
    const waiting = keys.filter((key) => !isSettled(key, catalog, provisioned, asked));
    if (waiting.length === 0) return;
    const leftMs = deadlineMs - clock.now();
    if (leftMs <= 0)
      throw new VolumeBindingError(
        `binding volumes: no volume for ${waiting.join(", ")} within ${BIND_TIMEOUT_MS / 1000} s`,
      );
    await changeWithin(leftMs, catalog, clock, signal);
  }
}

/** Resolves at the next change or when the time is over. */
function changeWithin(
  delayMs: number,
  catalog: InformedVolumeCatalog,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      cancelTimer();
      cancelChange();
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = (): void => settle(signal.reason as Error);
    const cancelTimer = clock.after(delayMs, () => settle());
    const cancelChange = catalog.onceChanged(() => settle());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Throws when the claim went away, or its provisioner gave the node back as unfit. */
function isSettled(
  key: string,
  catalog: InformedVolumeCatalog,
  provisioned: ReadonlySet<string>,
  asked: Set<string>,
): boolean {
  const claim = catalog.claim(key);
  if (claim === undefined) throw new VolumeBindingError(`binding volumes: claim ${key} is gone`);
  if (isBound(claim)) return true;
  if (!provisioned.has(claim.metadata.name)) return false;
  const isAsked = claim.metadata.annotations?.[SELECTED_NODE] !== undefined;
  if (isAsked) asked.add(key);
  else if (asked.has(key))
    throw new VolumeBindingError(`binding volumes: provisioning failed for ${key} on this node`);
  return false;
}
