/**
 * What a service account token says: the registered claims, and under `kubernetes.io` whose it is
 * and what it is bound to, as k8s.io/kubernetes pkg/serviceaccount. Pure.
 */
import { isObject } from "../../../kube/json-object.ts";
import type { UserInfo } from "../request-context.ts";
import type { Claims } from "./json-web-token.ts";

/** Who issues, and at first whom the tokens are for: the name of the API server in the cluster. */
export const TOKEN_ISSUER = "https://kubernetes.default.svc.cluster.local";
/** The issuer of tokens in Secrets, which have neither audience nor end. */
export const LEGACY_TOKEN_ISSUER = "kubernetes/serviceaccount";

export interface Named {
  readonly name: string;
  readonly uid: string;
}
/** Whose a token is and what must exist for it to be valid. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: Named;
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
}
export interface TokenClaims extends TokenSubject {
  readonly audiences: readonly string[];
  readonly id?: string;
  /** Absent: it does not end by itself. */
  readonly expiresAtSeconds?: number;
  readonly notBeforeSeconds?: number;
  readonly isLegacy: boolean;
}

export interface NewToken {
  readonly subject: TokenSubject;
  readonly audiences: readonly string[];
  readonly id: string;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number;
}

export function claimsOf({ subject, audiences, id, ...times }: NewToken): object {
  const { namespace, serviceAccount, pod, secret, node } = subject;
  return {
    aud: audiences,
    exp: times.expiresAtSeconds,
    iat: times.issuedAtSeconds,
    iss: TOKEN_ISSUER,
    jti: id,
    "kubernetes.io": {
      namespace,
      ...(node === undefined ? {} : { node }),
      ...(pod === undefined ? {} : { pod }),
      ...(secret === undefined ? {} : { secret }),
      serviceaccount: serviceAccount,
    },
    nbf: times.issuedAtSeconds,
    sub: userName(namespace, serviceAccount.name),
  };
}

const LEGACY = "kubernetes.io/serviceaccount";

export const legacyClaimsOf = (namespace: string, account: Named, secretName: string): object => ({
  iss: LEGACY_TOKEN_ISSUER,
  [`${LEGACY}/namespace`]: namespace,
  [`${LEGACY}/secret.name`]: secretName,
  [`${LEGACY}/service-account.name`]: account.name,
  [`${LEGACY}/service-account.uid`]: account.uid,
  sub: userName(namespace, account.name),
});

/** Undefined for claims that are not of a service account. */
export function readClaims(claims: Claims): TokenClaims | undefined {
  if (claims["iss"] === LEGACY_TOKEN_ISSUER) return readLegacy(claims);
  const own = claims["kubernetes.io"];
  if (claims["iss"] !== TOKEN_ISSUER || !isObject(own)) return undefined;
  const { namespace } = own;
  const serviceAccount = named(own["serviceaccount"]);
  const { exp, nbf, jti, aud } = claims;
  if (typeof namespace !== "string" || serviceAccount === undefined) return undefined;
  if (typeof exp !== "number" || claims["sub"] !== userName(namespace, serviceAccount.name))
    return undefined;
  const bound = { pod: named(own["pod"]), secret: named(own["secret"]), node: named(own["node"]) };
  return {
    namespace,
    serviceAccount,
    ...(bound.pod === undefined ? {} : { pod: bound.pod }),
    ...(bound.secret === undefined ? {} : { secret: bound.secret }),
    ...(bound.node === undefined ? {} : { node: bound.node }),
    audiences: (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === "string"),
    ...(typeof jti === "string" ? { id: jti } : {}),
    expiresAtSeconds: exp,
    ...(typeof nbf === "number" ? { notBeforeSeconds: nbf } : {}),
    isLegacy: false,
  };
}

function readLegacy(claims: Claims): TokenClaims | undefined {
  const text = (name: string): string => {
    const value = claims[`${LEGACY}/${name}`];
    return typeof value === "string" ? value : "";
  };
  const namespace = text("namespace");
  const name = text("service-account.name");
  if (namespace === "" || name === "" || claims["sub"] !== userName(namespace, name))
    return undefined;
  return {
    namespace,
    serviceAccount: { name, uid: text("service-account.uid") },
    // Which Secret is told by name and content: it has no uid before it has a token.
    secret: { name: text("secret.name"), uid: "" },
    audiences: [TOKEN_ISSUER],
    isLegacy: true,
  };
}

function named(value: unknown): Named | undefined {
  if (!isObject(value)) return undefined;
  const { name, uid } = value;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

const USER_PREFIX = "system:serviceaccount:";
const ALL_SERVICE_ACCOUNTS_GROUP = "system:serviceaccounts";
const userName = (namespace: string, name: string): string => `${USER_PREFIX}${namespace}:${name}`;

export function userOf({ namespace, serviceAccount, pod, node, id }: TokenClaims): UserInfo {
  const prefix = "authentication.kubernetes.io";
  const extra: Record<string, string[]> = {};
  if (id !== undefined) extra[`${prefix}/credential-id`] = [`JTI=${id}`];
  if (pod !== undefined) {
    extra[`${prefix}/pod-name`] = [pod.name];
    extra[`${prefix}/pod-uid`] = [pod.uid];
  }
  if (node !== undefined) {
    extra[`${prefix}/node-name`] = [node.name];
    extra[`${prefix}/node-uid`] = [node.uid];
  }
  return {
    name: userName(namespace, serviceAccount.name),
    uid: serviceAccount.uid,
    groups: [ALL_SERVICE_ACCOUNTS_GROUP, `${ALL_SERVICE_ACCOUNTS_GROUP}:${namespace}`],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
