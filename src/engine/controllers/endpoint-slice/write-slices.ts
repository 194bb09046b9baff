import type { Client } from "../../../client/client.ts";
import { type EndpointSlice, endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { isNamespaceTerminating } from "../namespace-terminating.ts";
import type { SlicePlan } from "./slice-plan.ts";

/** Carries a plan out, additions first, so that no endpoint is missing in between. */
export async function writeSlices(
  client: Client,
  plan: SlicePlan,
  onWritten: (written: KubeObject) => void,
): Promise<void> {
  try {
    for (const slice of plan.update) onWritten(await client.update(endpointSlices, slice));
    for (const slice of plan.create) onWritten(await client.create(endpointSlices, slice));
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
  for (const slice of plan.remove) await remove(client, slice, onWritten);
}

async function remove(
  client: Client,
  { metadata: { namespace = "", name } }: EndpointSlice,
  onWritten: (written: KubeObject) => void,
): Promise<void> {
  try {
    onWritten(await client.delete(endpointSlices, { namespace, name }));
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
