import type { ControllerRevision as UpstreamControllerRevision } from "kubernetes-types/apps/v1";
import type { FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { JsonObject, Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, NONE, nameColumn, textColumn } from "./columns.ts";
import { immutable, nonNegative, required } from "./field-problems.ts";

/** `data` is what the owner needs to go back: for workloads, a patch of `spec.template`. */
export type ControllerRevision = Omit<Live<UpstreamControllerRevision>, "data"> & {
  data?: JsonObject;
};

export const controllerRevisions: Kind<ControllerRevision> = {
  group: "apps",
  version: "v1",
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  singular: "controllerrevision",
  namespaced: true,
  get schema() {
    return builtinSchema("apps/v1", "ControllerRevision");
  },
  columns: [
    nameColumn,
    textColumn("Controller", "Whose revision it is.", controllerOf),
    {
      name: "Revision",
      type: "integer",
      description: "Number of the revision: the highest is the newest.",
      cell: ({ revision }: Partial<ControllerRevision>) => revision ?? 0,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: ({ data, revision }): FieldError[] => [
      ...(isObject(data) ? [] : [required("data")]),
      ...nonNegative("revision", revision),
    ],
    validateUpdate: (next, previous) => immutable("data", next.data, previous.data),
  },
};

/** `statefulset.apps/web`. */
function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return NONE;
  const [group = ""] = owner.apiVersion.includes("/") ? owner.apiVersion.split("/") : [];
  const kind = owner.kind.toLowerCase();
  return `${kind}${group === "" ? "" : `.${group}`}/${owner.name}`;
}
