/**
 * Nobody gives away more than they have: a role may only get rules that its writer has already,
 * unless the writer may `escalate` it; a binding may only name a role all of whose rules its writer
 * has, unless the writer may `bind` it (upstream: pkg/registry/rbac/*\/policybased).
 */
import type { ClusterRole } from "../../../kube/kinds/clusterrole.ts";
import type { RoleBinding } from "../../../kube/kinds/rolebinding.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { describeRule, type PolicyRule, uncovered } from "../../../kube/rbac/policy-rules.ts";
import { RBAC_GROUP } from "../../../kube/rbac/validate-rules.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../admission/admission.ts";
import { forbidden } from "../admission/forbidden.ts";
import type { Authorizer } from "../authorizer.ts";
import { MASTERS_GROUP } from "../request-context.ts";
import type { RoleGraph } from "./role-graph.ts";

/** Rules that are named in a refusal: more would not be read. */
const MAX_SHOWN = 5;
/** Rules after breaking them down; beyond it nobody can have meant them, and comparing takes long. */
const MAX_RULES = 20_000;

export function preventEscalation(graph: RoleGraph, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "PreventEscalation",
    validate: (object, request) => {
      const { kind } = request.target.kind;
      const { user } = request.context;
      if (object === undefined || kind.group !== RBAC_GROUP) return;
      if (user.groups.includes(MASTERS_GROUP)) return;
      if (kind.plural.endsWith("roles")) checkRole(object, request);
      else checkBinding(object as RoleBinding, request);
    },
  };

  function checkRole(role: ClusterRole, request: AdmissionRequest): void {
    const before = request.previous as ClusterRole | undefined;
    const isSame =
      before !== undefined &&
      deepEqual(before.rules, role.rules) &&
      deepEqual(before.aggregationRule, role.aggregationRule) &&
      // By its labels, other roles gather the rules of a ClusterRole.
      (role.kind !== "ClusterRole" ||
        deepEqual(before.metadata.labels ?? {}, role.metadata.labels ?? {}));
    if (isSame || isAllowed("escalate", request.target.kind.kind.plural, request)) return;
    const rules = role.rules ?? [];
    // What it will gather is not known yet, nor what it will not be kept from any more.
    const wanted =
      role.aggregationRule === undefined && before?.aggregationRule === undefined
        ? rules
        : [...rules, { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }];
    requireAll(wanted, request, "extra privileges");
  }

  function checkBinding(binding: RoleBinding, request: AdmissionRequest): void {
    const before = request.previous as RoleBinding | undefined;
    if (before !== undefined && deepEqual(before.subjects, binding.subjects)) return;
    const { kind, name } = binding.roleRef;
    const plural = kind === "Role" ? "roles" : "clusterroles";
    if (isAllowed("bind", plural, request, name)) return;
    const rules = graph.rulesOf(binding);
    if (rules === undefined) throw StatusError.notFound({ group: RBAC_GROUP, plural }, name);
    requireAll(rules, request, "extra privileges");
  }

  function isAllowed(
    verb: string,
    plural: string,
    { context, target }: AdmissionRequest,
    name = target.name,
  ): boolean {
    const { namespace } = target;
    return authorizer.authorize({
      user: context.user,
      verb,
      group: RBAC_GROUP,
      version: "v1",
      plural,
      name,
      ...(namespace === undefined ? {} : { namespace }),
    }).allowed;
  }

  function requireAll(
    wanted: readonly PolicyRule[],
    { context, target }: AdmissionRequest,
    what: string,
  ): void {
    const owned = [...graph.grantsOf(context.user, target.namespace)].flatMap(({ rules }) => rules);
    if (wanted.reduce((sum, rule) => sum + sizeOf(rule), 0) > MAX_RULES)
      throw forbidden(target.kind.kind, target.name, "the rules are too many to be compared");
    const missing = uncovered(owned, wanted);
    if (missing.length === 0) return;
    const shown = missing.slice(0, MAX_SHOWN).map(describeRule).join("\n");
    const more = missing.length > MAX_SHOWN ? `\nand ${missing.length - MAX_SHOWN} more` : "";
    throw forbidden(
      target.kind.kind,
      target.name,
      `user "${context.user.name}" (groups=${JSON.stringify(context.user.groups)}) is attempting to grant RBAC permissions not currently held (${what}):\n${shown}${more}`,
    );
  }
}

function sizeOf({ verbs, apiGroups = [], resources = [], resourceNames = [] }: PolicyRule): number {
  return verbs.length * apiGroups.length * resources.length * Math.max(1, resourceNames.length);
}
