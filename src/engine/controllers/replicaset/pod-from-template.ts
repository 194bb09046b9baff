import type { Resource } from "../../../kube/kind.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { controllerReference } from "../ownership/owner-reference.ts";

/** A pod of a ReplicaSet, or of what is read as one, to be named by the server. */
export function podFromTemplate(resource: Resource, replicaSet: ReplicaSet): Pod {
  const { metadata = {}, spec } = replicaSet.spec?.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  const { namespace, name } = replicaSet.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "",
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(resource, replicaSet)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}
