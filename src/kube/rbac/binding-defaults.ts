/** Defaults of bindings (upstream: pkg/apis/rbac/v1/defaults.go). */
import type { UnknownObject } from "../json-object.ts";
import { type Rewrite, withDefaults } from "../kinds/rewrite.ts";
import { RBAC_GROUP } from "./validate-rules.ts";

export const BINDING_DEFAULTS: readonly Rewrite[] = [
  ["roleRef", (reference) => withGroup(reference)],
  ["subjects.*", (subject) => (isGlobal(subject) ? withGroup(subject) : subject)],
];

/** Users and groups; service accounts are of the core group. */
function isGlobal({ kind }: UnknownObject): boolean {
  return kind === "User" || kind === "Group";
}

function withGroup(reference: UnknownObject): UnknownObject {
  return reference["apiGroup"] === ""
    ? { ...reference, apiGroup: RBAC_GROUP }
    : withDefaults(reference, { apiGroup: RBAC_GROUP });
}
