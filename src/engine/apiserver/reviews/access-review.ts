/** Whether somebody may do something: the family of `SubjectAccessReview` (authorization.k8s.io/v1). */
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReviewSpec,
} from "kubernetes-types/authorization/v1";
import { StatusError } from "../../../kube/status-error.ts";
import type { Decision } from "../authorizer.ts";
import type { Backend } from "../backend.ts";
import type { UserInfo } from "../request-context.ts";
import type { Named } from "./review-kinds.ts";

export interface AccessReviewStatus {
  readonly allowed: boolean;
  readonly reason?: string;
}

type Asked = Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">;

/** Throws 422 unless exactly one of resource and path is asked about. */
export function reviewAccess(
  backend: Backend,
  kind: Named,
  user: UserInfo,
  { resourceAttributes, nonResourceAttributes }: Asked,
): AccessReviewStatus {
  const isOne = (resourceAttributes === undefined) !== (nonResourceAttributes === undefined);
  if (!isOne)
    throw StatusError.invalid(kind, "", [
      {
        reason: "FieldValueInvalid",
        field: "spec.resourceAttributes",
        detail: "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        value: null,
      },
    ]);
  const { allowed, reason } =
    resourceAttributes === undefined
      ? decidePath(backend, user, nonResourceAttributes ?? {})
      : decideResource(backend, user, resourceAttributes);
  return { allowed, ...(reason === undefined ? {} : { reason }) };
}

function decidePath(
  { authorizer }: Backend,
  user: UserInfo,
  { path = "", verb = "" }: NonResourceAttributes,
): Decision {
  return authorizer.authorizePath({ user, verb, path });
}

function decideResource(
  { authorizer }: Backend,
  user: UserInfo,
  attributes: ResourceAttributes,
): Decision {
  const { verb = "", group = "", version = "", resource = "", subresource = "" } = attributes;
  const { namespace = "", name = "" } = attributes;
  return authorizer.authorize({
    user,
    verb,
    group,
    version,
    plural: resource,
    ...(subresource === "" ? {} : { subresource }),
    ...(namespace === "" ? {} : { namespace }),
    ...(name === "" ? {} : { name }),
  });
}

/** The user that a review asks about. Throws 422 when it names nobody. */
export function subjectOf(kind: Named, spec: SubjectAccessReviewSpec): UserInfo {
  const { user = "", groups = [], uid, extra } = spec;
  if (user === "" && groups.length === 0)
    throw StatusError.invalid(kind, "", [
      {
        reason: "FieldValueInvalid",
        field: "spec.user",
        detail: "at least one of user or group must be specified",
        value: "",
      },
    ]);
  return {
    name: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  };
}

/** Everything that RBAC allows a user in a namespace, for `kubectl auth can-i --list`. */
export function rulesFor({ roles }: Backend, user: UserInfo, namespace: string): object {
  const all = [...roles.grantsOf(user, namespace)].flatMap(({ rules }) => rules);
  return {
    resourceRules: all.filter(({ resources = [] }) => resources.length > 0),
    nonResourceRules: all
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
