/** Whether the names of a CustomResourceDefinition are free, and what its status says about that. */
import type {
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from "kubernetes-types/apiextensions/v1";
import { isConditionTrue, setCondition } from "../../../kube/conditions.ts";
import { deepEqual } from "../../../kube/equality.ts";
import type { CustomResourceDefinition } from "../../../kube/kinds/customresourcedefinition.ts";
import type { ServedKind } from "../registry.ts";

/** Why a name cannot be had, as upstream's naming controller words it. */
interface NameConflict {
  readonly reason: string;
  readonly message: string;
}

/**
 * The definition with the outcome in its status: `acceptedNames`, `NamesAccepted`, `Established`.
 * Names once accepted stay in use while new ones are refused. Itself when nothing changes.
 */
export function withAcceptedNames(
  definition: CustomResourceDefinition,
  served: readonly ServedKind[],
  nowIso: string,
): CustomResourceDefinition {
  const { names } = definition.spec;
  const conflict =
    builtInVersions(definition, served).length > 0 ? undefined : findConflict(definition, served);
  const { status } = definition;
  const set = (
    conditions: CustomResourceDefinitionCondition[] | undefined,
    condition: CustomResourceDefinitionCondition,
  ): CustomResourceDefinitionCondition[] => setCondition(conditions, condition, nowIso);

  let conditions = set(status?.conditions, namesAccepted(conflict));
  if (!isConditionTrue(conditions, "Established")) {
    conditions = set(conditions, established(conflict));
  }
  const acceptedNames: CustomResourceDefinitionNames =
    conflict === undefined ? names : (status?.acceptedNames ?? { kind: "", plural: "" });
  const storedVersions = status?.storedVersions ?? [];
  const next = { ...status, acceptedNames, conditions, storedVersions };
  return deepEqual(next, status) ? definition : { ...definition, status: next };
}

/**
 * The versions of the definition's kind that this cluster has without it, as operators bring the
 * definitions of the Gateway API along: then it is established, and these versions are served as they
 * were before.
 */
export function builtInVersions(
  { spec: { group, names } }: CustomResourceDefinition,
  served: readonly ServedKind[],
): ServedKind[] {
  return served.filter(
    ({ kind, custom }) =>
      custom === undefined &&
      kind.group === group &&
      kind.plural === names.plural &&
      kind.kind === names.kind,
  );
}

export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return isConditionTrue(status?.conditions, "Established");
}

const namesAccepted = (conflict: NameConflict | undefined): CustomResourceDefinitionCondition =>
  conflict === undefined
    ? {
        type: "NamesAccepted",
        status: "True",
        reason: "NoConflicts",
        message: "no conflicts found",
      }
    : { type: "NamesAccepted", status: "False", ...conflict };

const established = (conflict: NameConflict | undefined): CustomResourceDefinitionCondition =>
  conflict === undefined
    ? {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      }
    : {
        type: "Established",
        status: "False",
        reason: "NotAccepted",
        message: "not all names are accepted",
      };

function findConflict(
  definition: CustomResourceDefinition,
  served: readonly ServedKind[],
): NameConflict | undefined {
  const { group, names } = definition.spec;
  const resourceNames = new Set<string>();
  const kindNames = new Set<string>();
  for (const { kind, custom } of served) {
    if (kind.group !== group || custom?.definition === definition.metadata.name) continue;
    for (const name of [kind.plural, kind.singular, ...(kind.shortNames ?? [])]) {
      resourceNames.add(name);
    }
    kindNames.add(kind.kind).add(`${kind.kind}List`);
  }
  const asked: [string, ReadonlySet<string>, string | undefined][] = [
    ["PluralConflict", resourceNames, names.plural],
    ["SingularConflict", resourceNames, names.singular],
    ...(names.shortNames ?? []).map((name): [string, ReadonlySet<string>, string] => [
      "ShortNamesConflict",
      resourceNames,
      name,
    ]),
    ["KindConflict", kindNames, names.kind],
    ["ListKindConflict", kindNames, names.listKind],
  ];
  const found = asked.find(([, taken, name]) => name !== undefined && taken.has(name));
  return found && { reason: found[0], message: `${JSON.stringify(found[2])} is already in use` };
}
