/** `/ephemeralcontainers` of a Pod: adds containers to a pod that runs, as `kubectl debug` does. */
import { withEphemeralContainers } from "../../../kube/kinds/pod/ephemeral-containers.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import type { ObjectView } from "./subresource.ts";

export function ephemeralContainersView({ kind }: ServedKind): ObjectView {
  return {
    addressed: kind,
    schema: kind.schema,
    read: (object) => object,
    write: (view: KubeObject, current: KubeObject) => withEphemeralContainers(current, view),
  };
}
