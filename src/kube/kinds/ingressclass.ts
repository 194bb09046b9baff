import type {
  IngressClassParametersReference,
  IngressClass as UpstreamIngressClass,
} from "kubernetes-types/networking/v1";
import { deepEqual } from "../equality.ts";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, orNone, textColumn } from "./columns.ts";
import { forbidden, invalid, isBlank, required, requiredText, tooLong } from "./field-problems.ts";

export type IngressClass = Live<UpstreamIngressClass>;

/** `"true"` makes a class the one of Ingresses that name none. */
export const DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class";

/** Upstream's limit of `spec.controller`. */
const MAX_CONTROLLER_BYTES = 250;
/** A domain, a slash and a path, as `example.com/ingress`. */
const CONTROLLER = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

export const ingressClasses: Kind<IngressClass> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "IngressClass",
  plural: "ingressclasses",
  singular: "ingressclass",
  namespaced: false,
  get schema() {
    return builtinSchema("networking.k8s.io/v1", "IngressClass");
  },
  columns: [
    nameColumn,
    textColumn("Controller", "Controller that serves the class.", ({ spec }) =>
      orNone(spec?.controller),
    ),
    textColumn("Parameters", "Parameters of the controller.", ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {};
      if (kind === undefined || name === undefined) return orNone(undefined);
      return `${isBlank(apiGroup) ? kind : `${kind}.${apiGroup}`}/${name}`;
    }),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: ({ spec }) => [
      ...validateController(spec?.controller),
      ...validateParameters(spec?.parameters),
    ],
    validateUpdate: ({ spec }, previous) =>
      deepEqual(spec?.controller, previous.spec?.controller)
        ? []
        : [invalid("spec.controller", spec?.controller, "field is immutable")],
  },
};

function validateParameters(parameters: IngressClassParametersReference | undefined): FieldError[] {
  if (parameters === undefined) return [];
  const field = "spec.parameters";
  const errors = [
    ...requiredText(`${field}.kind`, parameters.kind),
    ...requiredText(`${field}.name`, parameters.name),
  ];
  const isNamespaced = parameters.scope === "Namespace";
  if (isNamespaced && isBlank(parameters.namespace))
    errors.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  if (!isNamespaced && parameters.namespace !== undefined)
    errors.push(forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

function validateController(controller: string | undefined): FieldError[] {
  if (isBlank(controller)) return [required("spec.controller")];
  if (controller.length > MAX_CONTROLLER_BYTES)
    return [tooLong("spec.controller", MAX_CONTROLLER_BYTES)];
  return CONTROLLER.test(controller)
    ? []
    : [
        invalid(
          "spec.controller",
          controller,
          "must be a domain-prefixed path (such as 'acme.io/foo')",
        ),
      ];
}
