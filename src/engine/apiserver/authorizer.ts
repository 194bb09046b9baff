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
  /** Of an operation, or another right that is only asked about: `bind`, `escalate`, `use`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource?: string;
  /** Absent for cluster-scoped resources and for requests across namespaces. */
  readonly namespace?: string;
  /** Absent for requests about a collection. */
  readonly name?: string;
}

/** A request for something that is no object: `/version`, `/openapi/v3`. */
export interface PathRequest {
  readonly user: UserInfo;
  /** The HTTP method in lower case. */
  readonly verb: string;
  readonly path: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Why, for the user and for reviews. */
  readonly reason?: string;
}

/** Decides from memory, synchronously: it runs before every operation. */
export interface Authorizer {
  authorize(request: AccessRequest): Decision;
  authorizePath(request: PathRequest): Decision;
}

/** Allows the members of `system:masters` everything and nobody else anything. */
export const mastersOnly: Authorizer = {
  authorize: ({ user }) => ({ allowed: isMaster(user) }),
  authorizePath: ({ user }) => ({ allowed: isMaster(user) }),
};
const isMaster = ({ groups }: UserInfo): boolean => groups.includes(MASTERS_GROUP);

/** Allowed when one of them allows it; the first that does says why. */
export function anyOf(authorizers: readonly Authorizer[]): Authorizer {
  const first = (ask: (each: Authorizer) => Decision): Decision => {
    for (const each of authorizers) {
      const decision = ask(each);
      if (decision.allowed) return decision;
    }
    return { allowed: false };
  };
  return {
    authorize: (request) => first((each) => each.authorize(request)),
    authorizePath: (request) => first((each) => each.authorizePath(request)),
  };
}

/** Throws 403 `Forbidden` unless the request is allowed. */
export function authorize(authorizer: Authorizer, request: AccessRequest): void {
  const decision = authorizer.authorize(request);
  if (!decision.allowed) throw forbidden(request, decision.reason);
}

/** Throws 403 `Forbidden` unless the path may be read. */
export function authorizePath(authorizer: Authorizer, request: PathRequest): void {
  if (authorizer.authorizePath(request).allowed) return;
  throw StatusError.of(
    "Forbidden",
    `forbidden: User "${request.user.name}" cannot ${request.verb} path "${request.path}"`,
  );
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
