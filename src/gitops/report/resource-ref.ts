/** Objects as an Application's status names them, and back. */
import type { ApplicationResourceRef } from "../../kube/kinds/application.ts";
import type { ObjectRef } from "../plan/object-ref.ts";

export function resourceRef(ref: ObjectRef): ApplicationResourceRef {
  const { group, version, kind, namespace, name } = ref;
  return {
    ...(group === "" ? {} : { group }),
    version,
    kind,
    ...(namespace === "" ? {} : { namespace }),
    name,
  };
}

export function refsOf(resources: readonly ApplicationResourceRef[] | undefined): ObjectRef[] {
  return (resources ?? []).map(({ group = "", version, kind, namespace = "", name }) => ({
    group,
    version,
    kind,
    namespace,
    name,
  }));
}
