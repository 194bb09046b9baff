/** Tells the API which node a pod has. */
import type { Binding as UpstreamBinding } from "kubernetes-types/core/v1";
import type { Client } from "../../../client/client.ts";
import type { Resource } from "../../../kube/kind.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Live } from "../../../kube/object.ts";

type Binding = Live<UpstreamBinding>;
const podBindings: Resource<Binding> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  namespaced: true,
};

/** Rejects with 404 or 409 when the pod is gone, another one, leaving, or has a node already. */
export async function bindPod(client: Client, { metadata }: Pod, nodeName: string): Promise<void> {
  const { namespace = "default", name, uid = "" } = metadata;
  const binding: Binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { namespace, name, uid },
    target: { apiVersion: "v1", kind: "Node", name: nodeName },
  };
  await client.create(podBindings, binding, { subresource: "binding" });
}
