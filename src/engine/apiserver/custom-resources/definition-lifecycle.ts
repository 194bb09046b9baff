/** Admission for CustomResourceDefinitions and what they define. */
import type { Clock } from "../../../client/clock.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../kube/kinds/customresourcedefinition.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../admission/admission.ts";
import type { KindRegistry } from "../registry.ts";
import { timestamp } from "../rest/timestamp.ts";
import { withAcceptedNames } from "./accepted-names.ts";

/**
 * A definition is established in the very write that makes it: once `create` has answered, its
 * kind is served. And nothing is created under a definition that is on its way out: the check runs
 * inside the writer, so the clean-up that follows the mark misses nothing.
 */
export function definitionLifecycle(registry: KindRegistry, clock: Clock): AdmissionPlugin {
  return {
    name: "CustomResourceDefinitionLifecycle",
    mutate: (object, { target }) => {
      const { group, plural } = target.kind.kind;
      const isDefinition =
        group === customResourceDefinitions.group && plural === customResourceDefinitions.plural;
      if (!isDefinition) return object;
      const definition = object as CustomResourceDefinition;
      return withAcceptedNames(definition, registry.all(), timestamp(clock.now()));
    },
    validate: (_object, request) => {
      if (request.operation === "CREATE") checkServed(registry, request);
    },
  };
}

function checkServed(registry: KindRegistry, { target }: AdmissionRequest): void {
  const { kind, custom } = target.kind;
  if (custom === undefined) return;
  const served = registry.find(kind.group, kind.version, kind.plural);
  if (served?.custom?.terminating === false) return;
  throw StatusError.of(
    "MethodNotAllowed",
    `create is not supported on resources of kind "${kind.plural}.${kind.group}" while its CustomResourceDefinition is being deleted`,
  );
}
