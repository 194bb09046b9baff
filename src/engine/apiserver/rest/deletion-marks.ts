/** What some kinds say about themselves, and are held by, from the moment they are being deleted. */
import type { CustomResourceDefinitionCondition } from "kubernetes-types/apiextensions/v1";
import { setCondition } from "../../../kube/conditions.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../kube/kinds/customresourcedefinition.ts";
import { type Namespace, namespaces } from "../../../kube/kinds/namespace.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import { CUSTOM_RESOURCE_FINALIZER } from "./finalizers.ts";

/** The object as the first request to delete it leaves it, apart from the times. */
export function withDeletionMarks(
  { kind }: ServedKind,
  object: KubeObject,
  nowIso: string,
): KubeObject {
  const isKind = (other: { group: string; plural: string }): boolean =>
    kind.group === other.group && kind.plural === other.plural;
  if (isKind(namespaces)) return terminatingNamespace(object);
  if (isKind(customResourceDefinitions)) {
    return terminatingDefinition(object as CustomResourceDefinition, nowIso);
  }
  return object;
}

function terminatingNamespace(namespace: Namespace): KubeObject {
  const next: Namespace = { ...namespace, status: { ...namespace.status, phase: "Terminating" } };
  return next;
}

function terminatingDefinition(definition: CustomResourceDefinition, nowIso: string): KubeObject {
  const { metadata, status } = definition;
  const { finalizers = [] } = metadata;
  const condition: CustomResourceDefinitionCondition = {
    type: "Terminating",
    status: "True",
    reason: "InstanceDeletionPending",
    message: "the objects of this definition are deleted first",
  };
  const held = finalizers.includes(CUSTOM_RESOURCE_FINALIZER);
  const next: CustomResourceDefinition = {
    ...definition,
    metadata: {
      ...metadata,
      finalizers: held ? finalizers : [...finalizers, CUSTOM_RESOURCE_FINALIZER],
    },
    status: {
      acceptedNames: definition.spec.names,
      storedVersions: [],
      ...status,
      conditions: setCondition(status?.conditions, condition, nowIso),
    },
  };
  return next;
}
