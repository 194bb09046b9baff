/** Makes the claims of a pod before the pod, where the cluster has such a thing. */
import type { Client } from "../../../client/client.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { Claim } from "./pod-of-set.ts";

/** A pod's claims cannot be made, so the pod is not made either: it would never start. */
export class VolumeClaimError extends Error {
  override readonly name = "VolumeClaimError";
  readonly reason: "NotServed" | "FailedCreate";

  constructor(reason: VolumeClaimError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Claims that exist stay as they are, whoever made them. @throws VolumeClaimError */
export async function createClaims(client: Client, claims: readonly Claim[]): Promise<void> {
  const [first] = claims;
  if (first === undefined) return;
  const resource = await client.resourceFor(first.apiVersion, first.kind);
  if (resource === undefined)
    throw new VolumeClaimError(
      "NotServed",
      `this cluster has no PersistentVolumeClaims, which spec.volumeClaimTemplates asks for (${first.metadata.name}): remove the templates, or use an emptyDir or hostPath volume`,
    );
  for (const object of claims) {
    try {
      await client.create(resource, object);
    } catch (error) {
      if (isStatus(error, "AlreadyExists")) continue;
      const message = error instanceof Error ? error.message : String(error);
      const { name } = object.metadata;
      throw new VolumeClaimError("FailedCreate", `cannot create the claim ${name}: ${message}`, {
        cause: error,
      });
    }
  }
}
