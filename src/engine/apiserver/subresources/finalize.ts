/** `/finalize` of a Namespace: lets the namespace controller say that its contents are gone. */
import type { Namespace } from "../../../kube/kinds/namespace.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import type { ObjectView } from "./subresource.ts";

export function finalizeView({ kind }: ServedKind): ObjectView {
  return { addressed: kind, schema: kind.schema, read: (object) => object, write: writeFinalizers };
}

function writeFinalizers(view: KubeObject, current: KubeObject): KubeObject {
  const { finalizers: _, ...spec } = (current as Namespace).spec ?? {};
  const finalizers = (view as Namespace).spec?.finalizers ?? [];
  const written: Namespace = {
    ...current,
    spec: finalizers.length > 0 ? { ...spec, finalizers } : spec,
  };
  return written;
}
