/** Makes the claims of a pod before the pod. */
import type { Client } from "../../../client/client.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { goesWithEarlierPod } from "./claim-retention.ts";

/** A pod's claims are not to be had, so the pod is not made either: it would never start. */
export class VolumeClaimError extends Error {
  override readonly name = "VolumeClaimError";
  /** `Terminating` claims are gone by themselves before long. */
  readonly reason: "FailedCreate" | "Terminating";

  constructor(reason: VolumeClaimError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Claims that exist stay as they are, whoever made them.
 * @returns the names of those that were made
 * @throws VolumeClaimError
 */
export async function createClaims(
  client: Client,
  podName: string,
  claims: readonly PersistentVolumeClaim[],
): Promise<readonly string[]> {
  const made: string[] = [];
  for (const object of claims) {
    const { namespace = "", name } = object.metadata;
    try {
      await client.create(persistentVolumeClaims, object);
      made.push(name);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw failure(name, error);
      requireStaying(podName, await existing(client, namespace, name));
    }
  }
  return made;
}

function failure(name: string, cause: unknown): VolumeClaimError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new VolumeClaimError("FailedCreate", `cannot create the claim ${name}: ${message}`, {
    cause,
  });
}

async function existing(
  client: Client,
  namespace: string,
  name: string,
): Promise<PersistentVolumeClaim> {
  try {
    return await client.get(persistentVolumeClaims, { namespace, name });
  } catch (error) {
    throw failure(name, error);
  }
}

function requireStaying(podName: string, claim: PersistentVolumeClaim): void {
  const { name, deletionTimestamp } = claim.metadata;
  if (deletionTimestamp !== undefined)
    throw new VolumeClaimError("Terminating", `pvc ${name} is being deleted`);
  if (goesWithEarlierPod(claim, podName))
    throw new VolumeClaimError("Terminating", `pvc ${name} goes with an earlier pod ${podName}`);
}
