import type { Namespace as UpstreamNamespace } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { dns1123Label, domainQualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { invalid, named } from "./field-problems.ts";

export type Namespace = Live<UpstreamNamespace>;

/** Held until the namespace controller has deleted what is in the namespace. */
export const NAMESPACE_FINALIZER = "kubernetes";
/** Lets selectors name a namespace. */
const NAME_LABEL = "kubernetes.io/metadata.name";

export const namespaces: Kind<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  namespaced: false,
  shortNames: ["ns"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Namespace");
  },
  columns: [
    nameColumn,
    textColumn("Status", "Active, or Terminating.", ({ status }) => status?.phase ?? ""),
    ageColumn,
  ],
  selectableFields: { "status.phase": ({ status }) => status?.phase ?? "" },
  strategy: {
    validateName: dns1123Label,
    prepareForCreate: (namespace) => ({
      ...namespace,
      spec: withFinalizer(namespace.spec),
      status: { phase: "Active" },
    }),
    prepareForUpdate: keepFinalizers,
    default: withNameLabel,
    validate: validateNamespace,
    validateStatusUpdate: validatePhase,
  },
};

function withFinalizer(spec: Namespace["spec"]): NonNullable<Namespace["spec"]> {
  const given = Array.isArray(spec?.finalizers) ? spec.finalizers : [];
  if (given.includes(NAMESPACE_FINALIZER)) return { ...spec };
  return { ...spec, finalizers: [...given, NAMESPACE_FINALIZER] };
}

/** Finalizers are taken away through `/finalize` only. */
function keepFinalizers(next: Namespace, previous: Namespace): Namespace {
  const { spec: _, ...rest } = next;
  return previous.spec === undefined ? rest : { ...rest, spec: previous.spec };
}

function withNameLabel(namespace: Namespace): Namespace {
  const { metadata } = namespace;
  const labels: unknown = metadata.labels ?? {};
  if (metadata.name === "" || !isObject(labels)) return namespace;
  if (labels[NAME_LABEL] === metadata.name) return namespace;
  return {
    ...namespace,
    metadata: { ...metadata, labels: { ...metadata.labels, [NAME_LABEL]: metadata.name } },
  };
}

function validateNamespace({ spec }: Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((finalizer, index) =>
    finalizer === NAMESPACE_FINALIZER
      ? []
      : named(`spec.finalizers[${index}]`, finalizer, domainQualifiedName),
  );
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const phase = status?.phase;
  if (isDeleting && phase === "Active") {
    const detail = "may only be 'Active' if `deletionTimestamp` is empty";
    return [invalid("status.phase", phase, detail)];
  }
  if (!isDeleting && phase === "Terminating") {
    const detail = "may only be 'Terminating' if `deletionTimestamp` is not empty";
    return [invalid("status.phase", phase, detail)];
  }
  return [];
}
