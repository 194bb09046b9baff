/** Rules for rendered objects: in CEL, built in (the scanner), and for images. Gantry's own kind. */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { JsonObject, KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import { duplicate, duplicates, invalid } from "./field-problems.ts";
import type { RuleSeverity } from "./project.ts";

export interface Policy extends KubeObject {
  spec: PolicySpec;
}
export interface PolicySpec {
  match?: PolicyMatch;
  exclude?: PolicyMatch;
  /** What expressions read as `params`. */
  params?: JsonObject;
  rules?: PolicyRule[];
  /** Present: the built-in rules apply. */
  scan?: { severities?: RuleSeverity[] };
  images?: PolicyImages;
  /** @default false */
  allowExemptions?: boolean;
}
/** Globs; all that is given must fit. */
export interface PolicyMatch {
  groups?: string[];
  kinds?: string[];
  namespaces?: string[];
  names?: string[];
  labelSelector?: LabelSelector;
  projects?: string[];
  applications?: string[];
}
export interface PolicyRule {
  name: string;
  /** CEL over `object`, `application` and `params`: true for objects that keep to the rule. */
  expression: string;
  message?: string;
  messageExpression?: string;
  field?: string;
  /** @default error */
  severity?: "error" | "warning" | "info";
}
export interface PolicyImages {
  allowed?: string[];
  blocked?: string[];
  reports?: { namespace: string; name: string }[];
  /** @default error */
  severity?: "error" | "warning" | "info";
}

/** Rules of one policy: each is evaluated for every object that it matches. */
const MAX_RULES = 100;

function validatePolicy({ spec }: Policy): FieldError[] {
  const rules = spec.rules ?? [];
  const errors = duplicates(
    rules,
    ({ name }) => name,
    (index, name) => duplicate(`spec.rules[${index}].name`, name),
  );
  if (rules.length > MAX_RULES)
    errors.push(invalid("spec.rules", rules.length, `may have at most ${MAX_RULES} rules`));
  if (spec.rules === undefined && spec.scan === undefined && spec.images === undefined)
    errors.push(invalid("spec", "", "at least one of rules, scan and images must be given"));
  return errors;
}

export const policies: Kind<Policy> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Policy",
  plural: "policies",
  singular: "policy",
  namespaced: false,
  get schema() {
    return builtinSchema("gantry.dev/v1", "Policy");
  },
  columns: [
    nameColumn,
    {
      name: "Rules",
      type: "integer",
      description: "Rules of its own.",
      cell: ({ spec }: { spec?: PolicySpec }) => spec?.rules?.length ?? 0,
    },
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validatePolicy },
};
