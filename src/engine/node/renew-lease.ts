/** A node's sign of life: its Lease in `kube-node-lease`, as the kubelet keeps it. */
import type { Client } from "../../client/client.ts";
import { formatMicroTime } from "../../client/timestamps.ts";
import { type Lease, leases } from "../../kube/kinds/lease.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { apiVersionOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";

export const NODE_LEASE_NAMESPACE = "kube-node-lease";
export const LEASE_SECONDS = 40;
/** A quarter of the lease, as upstream: three renewals may be lost. */
export const RENEW_PERIOD_MS = 10_000;

/** The lease belongs to the Node and goes with it. */
export async function renewLease(client: Client, node: Node, nowMs: number): Promise<void> {
  const { name, uid } = node.metadata;
  const key = { namespace: NODE_LEASE_NAMESPACE, name };
  const spec = {
    holderIdentity: name,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: formatMicroTime(nowMs),
  };
  try {
    await client.patch(leases, key, { type: "merge", body: { spec } }, { fieldManager: "kubelet" });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const owner = { apiVersion: apiVersionOf(nodes), kind: nodes.kind, name, uid: uid ?? "" };
    const lease: Lease = {
      apiVersion: apiVersionOf(leases),
      kind: leases.kind,
      metadata: { ...key, ownerReferences: [owner] },
      spec,
    };
    await client.create(leases, lease, { fieldManager: "kubelet" });
  }
}
