/** The hook through which every operation asks whether it may go on, in process as over HTTP. */
import { StatusError } from "../../kube/status-error.ts";
import { MASTERS_GROUP, type UserInfo } from "./request-context.ts";

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection";

export interface AccessRequest {
  readonly user: UserInfo;
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource?: string;
  /** Absent for cluster-scoped resources and for requests across namespaces. */
  readonly namespace?: string;
  /** Absent for requests about a collection. */
  readonly name?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Shown to the user when not allowed. */
  readonly reason?: string;
}

/** Decides from memory, synchronously: it runs before every operation. */
export interface Authorizer {
  authorize(request: AccessRequest): Decision;
}

/** Allows the members of `system:masters` everything and nobody else anything. */
export const mastersOnly: Authorizer = {
  authorize: ({ user }) => ({ allowed: user.groups.includes(MASTERS_GROUP) }),
};

/** Throws 403 `Forbidden` unless the request is allowed. */
export function authorize(authorizer: Authorizer, request: AccessRequest): void {
  const decision = authorizer.authorize(request);
  if (!decision.allowed) throw forbidden(request, decision.reason);
}

function forbidden(request: AccessRequest, reason: string | undefined): StatusError {
  const { user, verb, group, plural, subresource, namespace, name } = request;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const subject = group === "" ? plural : `${plural}.${group}`;
  const where =
    namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return StatusError.of(
    "Forbidden",
    `${subject}${name === undefined ? "" : ` "${name}"`} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}${reason === undefined || reason === "" ? "" : `: ${reason}`}`,
    {
      ...(name === undefined ? {} : { name }),
      ...(group === "" ? {} : { group }),
      kind: plural,
    },
  );
}
