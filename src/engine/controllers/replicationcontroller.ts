/** ReplicationControllers, which work as ReplicaSets do. */
import { asReplicaSet, replicationControllers } from "../../kube/kinds/replicationcontroller.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { createReplicaController } from "./replicaset.ts";

export function createReplicationController(context: ControllerContext): Controller {
  return createReplicaController(context, {
    name: "replication-controller",
    resource: replicationControllers,
    asReplicaSet,
    withStatus: (controller, status) => ({ ...controller, status }),
  });
}
