/** POST `/token` of a ServiceAccount: a token for it, perhaps bound to a pod, secret or node. */
import type {
  TokenRequest as UpstreamTokenRequest,
  TokenRequestSpec,
} from "kubernetes-types/authentication/v1";
import type { FieldError } from "../../../kube/field-error.ts";
import { isObject } from "../../../kube/json-object.ts";
import { invalid, required } from "../../../kube/kinds/field-problems.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject, Live } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import { storeKeyOf, type Target } from "../target.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import type { RequestContext } from "../request-context.ts";
import { checkName, readBody } from "../rest/body.ts";
import { timestamp } from "../rest/timestamp.ts";
import { type Named, TOKEN_ISSUER, type TokenSubject } from "../service-accounts/token-claims.ts";

export type TokenRequest = Live<UpstreamTokenRequest>;

const TOKEN_REQUEST = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenRequest",
  plural: "tokenrequests",
  namespaced: true,
};
const DEFAULT_SECONDS = 3_600;
/** Upstream's bounds: ten minutes to 2^32 s. */
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** More than any token is for: a bound for what is signed. */
const MAX_AUDIENCES = 64;

export async function requestToken(
  backend: Backend,
  context: RequestContext,
  target: Target,
  body: KubeObject,
): Promise<Encoded> {
  const { serviceAccountTokens } = backend;
  if (serviceAccountTokens === undefined)
    throw StatusError.of("NotFound", "this API server issues no tokens for service accounts");
  const request = readBody(TOKEN_REQUEST, target.namespace, body);
  checkName(request, target.name);
  const spec = readSpec(target.name, (request as TokenRequest).spec);
  const stored = backend.store.get(storeKeyOf(target));
  if (stored === undefined) throw StatusError.notFound(target.kind.kind, target.name);
  const subject = subjectOf(backend, target, stored.object, spec.boundObjectRef);
  const issued =
    context.dryRun === true
      ? { token: "", expiresAtMs: backend.clock.now() + spec.expirationSeconds * 1000 }
      : serviceAccountTokens.issue(subject, spec);
  const answer: TokenRequest = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {
      name: target.name,
      ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      creationTimestamp: timestamp(backend.clock.now()),
    },
    spec,
    status: { token: issued.token, expirationTimestamp: timestamp(issued.expiresAtMs) },
  };
  return encodeLazily(answer);
}

type Spec = TokenRequestSpec & { readonly expirationSeconds: number };

/** Throws 422. Clients leave out what upstream's schema calls required. */
function readSpec(name: string, given: unknown): Spec {
  const spec = isObject(given) ? given : {};
  const errors: FieldError[] = [];
  const audiences: unknown = spec["audiences"] ?? [];
  const isList = Array.isArray(audiences) && audiences.every((each) => typeof each === "string");
  if (!isList || audiences.length > MAX_AUDIENCES)
    errors.push(
      invalid("spec.audiences", audiences, `must be a list of up to ${MAX_AUDIENCES} texts`),
    );
  const expirationSeconds: unknown = spec["expirationSeconds"] ?? DEFAULT_SECONDS;
  const problem = lifetimeProblem(expirationSeconds);
  if (problem !== undefined)
    errors.push(invalid("spec.expirationSeconds", expirationSeconds, problem));
  const reference: unknown = spec["boundObjectRef"] ?? undefined;
  if (reference !== undefined && !isReference(reference))
    errors.push(required("spec.boundObjectRef", "kind and name of the object"));
  if (errors.length > 0) throw StatusError.invalid(TOKEN_REQUEST, name, errors);
  return {
    audiences: isList && audiences.length > 0 ? audiences : [TOKEN_ISSUER],
    expirationSeconds: Number(expirationSeconds),
    ...(isReference(reference) ? { boundObjectRef: reference } : {}),
  };
}

function lifetimeProblem(seconds: unknown): string | undefined {
  if (!Number.isSafeInteger(seconds)) return "must be a whole number of seconds";
  if (Number(seconds) < MIN_SECONDS) return "may not specify a duration less than 10 minutes";
  if (Number(seconds) > MAX_SECONDS) return "may not specify a duration larger than 2^32 seconds";
  return undefined;
}

interface Reference {
  readonly kind: string;
  readonly name: string;
  readonly apiVersion?: string;
  readonly uid?: string;
}
function isReference(value: unknown): value is Reference {
  if (!isObject(value)) return false;
  const { kind, name, uid } = value;
  return (
    typeof kind === "string" &&
    typeof name === "string" &&
    (uid === undefined || typeof uid === "string")
  );
}

/** The bindable kinds: where they are and whether in the account's namespace. */
const BINDABLE: Readonly<Record<string, { readonly plural: string; readonly local: boolean }>> = {
  Pod: { plural: "pods", local: true },
  Secret: { plural: "secrets", local: true },
  Node: { plural: "nodes", local: false },
};

function subjectOf(
  backend: Backend,
  { namespace = "", name }: Target,
  account: KubeObject,
  reference: TokenRequestSpec["boundObjectRef"],
): TokenSubject {
  const subject = { namespace, serviceAccount: { name, uid: account.metadata.uid ?? "" } };
  if (!isReference(reference)) return subject;
  const { kind, apiVersion = "v1" } = reference;
  const bindable = Object.hasOwn(BINDABLE, kind) ? BINDABLE[kind] : undefined;
  if (bindable === undefined || (apiVersion !== "" && apiVersion !== "v1"))
    throw StatusError.of(
      "BadRequest",
      `cannot bind token to object of type ${apiVersion}, Kind=${kind}: only Pod, Secret and Node can be bound to`,
    );
  const found = read(backend, bindable.plural, bindable.local ? namespace : "", reference.name);
  const uid = found.metadata.uid ?? "";
  if (reference.uid !== undefined && reference.uid !== "" && reference.uid !== uid)
    throw StatusError.conflict(
      TOKEN_REQUEST,
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  const bound: Named = { name: reference.name, uid };
  if (kind === "Secret") return { ...subject, secret: bound };
  if (kind === "Node") return { ...subject, node: bound };
  const { serviceAccountName = "default", nodeName = "" } = (found as Pod).spec ?? {};
  if (serviceAccountName !== name)
    throw StatusError.of(
      "BadRequest",
      `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`,
    );
  const node = nodeName === "" ? undefined : lookUp(backend, "nodes", "", nodeName);
  return {
    ...subject,
    pod: bound,
    ...(node === undefined ? {} : { node: { name: nodeName, uid: node.metadata.uid ?? "" } }),
  };
}

const lookUp = (
  { store }: Backend,
  plural: string,
  namespace: string,
  name: string,
): KubeObject | undefined => store.get({ group: "", plural, namespace, name })?.object;

function read(backend: Backend, plural: string, namespace: string, name: string): KubeObject {
  const found = lookUp(backend, plural, namespace, name);
  if (found === undefined) throw StatusError.notFound({ group: "", plural }, name);
  return found;
}
