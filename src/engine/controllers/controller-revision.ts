/** Writes the ControllerRevisions of StatefulSets and DaemonSets, as `controller-revision/` plans them. */
import type { Client } from "../../client/client.ts";
import {
  type ControllerRevision,
  controllerRevisions,
} from "../../kube/kinds/controllerrevision.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { hasTemplate, type Revised } from "./controller-revision/revision-data.ts";
import type { RevisionPlan } from "./controller-revision/revision-plan.ts";
import { isControlledBy } from "./ownership/owner-reference.ts";

/** Another template has the same hash: the owner's `collisionCount` must grow, for another name. */
export class RevisionCollisionError extends Error {
  override readonly name = "RevisionCollisionError";
}

/**
 * The revision as it is stored then.
 * @throws RevisionCollisionError when its name is taken by something else
 */
export async function writeRevision<T extends Revised>(
  client: Client,
  owner: T,
  { update, write }: RevisionPlan,
): Promise<ControllerRevision> {
  if (write === undefined) return update;
  if (write === "renumber") return await client.update(controllerRevisions, update);
  try {
    return await client.create(controllerRevisions, update);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
    // The cache was behind, or the name is taken.
    const found = await client.get(controllerRevisions, parseKey(keyOf(update)));
    if (isControlledBy(found, owner) && hasTemplate(found, owner.spec?.template ?? {}))
      return found;
    throw new RevisionCollisionError(
      `the name ${update.metadata.name} is taken by another ControllerRevision: trying again under another`,
      { cause: error },
    );
  }
}

export async function removeRevisions(
  client: Client,
  revisions: readonly ControllerRevision[],
): Promise<void> {
  for (const revision of revisions) {
    const { uid } = revision.metadata;
    try {
      await client.delete(controllerRevisions, parseKey(keyOf(revision)), {
        preconditions: uid === undefined ? {} : { uid },
      });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }
}
