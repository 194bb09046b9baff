/** Role-based access control: allowed is what some role that is bound to the user allows. */
import { allowsPath, allowsResource } from "../../../kube/rbac/policy-rules.ts";
import type { AccessRequest, Authorizer, Decision, PathRequest } from "../authorizer.ts";
import type { RoleGraph } from "./role-graph.ts";

export function rbacAuthorizer(graph: RoleGraph): Authorizer {
  return {
    authorize({
      user,
      verb,
      group,
      plural,
      subresource,
      namespace,
      name,
    }: AccessRequest): Decision {
      const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
      const asked = { verb, group, resource, name };
      for (const { rules, because } of graph.grantsOf(user, namespace))
        if (rules.some((rule) => allowsResource(rule, asked)))
          return { allowed: true, reason: because };
      return { allowed: false };
    },
    authorizePath({ user, verb, path }: PathRequest): Decision {
      for (const { rules, because } of graph.grantsOf(user, undefined))
        if (rules.some((rule) => allowsPath(rule, { verb, path })))
          return { allowed: true, reason: because };
      return { allowed: false };
    },
  };
}
