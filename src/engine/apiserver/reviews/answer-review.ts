/** Answers a review. What is asked about is looked up in memory; nothing is written. */
import type {
  SelfSubjectRulesReviewSpec,
  SubjectAccessReviewSpec,
} from "kubernetes-types/authorization/v1";
import { isObject } from "../../../kube/json-object.ts";
import type { Kind } from "../../../kube/kind.ts";
import { apiVersionOf, type KubeObject } from "../../../kube/object.ts";
import { validate } from "../../../kube/schema/validate.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { authorize } from "../authorizer.ts";
import type { Backend } from "../backend.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import type { RequestContext, UserInfo } from "../request-context.ts";
import { readBody } from "../rest/body.ts";
import { timestamp } from "../rest/timestamp.ts";
import { TOKEN_ISSUER } from "../service-accounts/token-claims.ts";
import { reviewAccess, rulesFor, subjectOf } from "./access-review.ts";
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  tokenReviews,
} from "./review-kinds.ts";

/** A kind of review, and the namespace in which it is asked, where it is asked in one. */
export interface AskedReview {
  readonly kind: Kind;
  readonly namespace: string | undefined;
}

/** Throws 403 for who may not ask, 400 and 422 for what is no question. */
export function answerReview(
  backend: Backend,
  context: RequestContext,
  { kind, namespace }: AskedReview,
  body: KubeObject,
): Encoded {
  const { user } = context;
  authorize(backend.authorizer, {
    user,
    verb: "create",
    group: kind.group,
    version: kind.version,
    plural: kind.plural,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const review = readBody(kind, namespace, body);
  const metadata = {
    name: "",
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: timestamp(backend.clock.now()),
  };
  const outcome: KubeObject & Record<string, unknown> = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata,
    ...answerOf(backend, user, { kind, namespace }, review),
  };
  return encodeLazily(outcome);
}

function answerOf(
  backend: Backend,
  user: UserInfo,
  { kind, namespace }: AskedReview,
  review: KubeObject,
): { readonly spec?: object; readonly status: object } {
  if (kind === tokenReviews) return tokenReview(backend, kind, review);
  if (kind === selfSubjectReviews) return { status: { userInfo: userInfo(user) } };
  const given: unknown = "spec" in review ? review.spec : undefined;
  const [error] = validate(kind.schema.properties?.["spec"] ?? {}, given ?? {});
  if (error !== undefined) throw StatusError.invalid(kind, "", [error]);
  const spec = (given ?? {}) as SubjectAccessReviewSpec & SelfSubjectRulesReviewSpec;
  if (kind === selfSubjectRulesReviews) {
    const status = rulesFor(backend, user, spec.namespace ?? "default");
    return { spec, status };
  }
  if (kind === localSubjectAccessReviews && spec.resourceAttributes?.namespace !== namespace)
    throw StatusError.invalid(kind, "", [
      {
        reason: "FieldValueInvalid",
        field: "spec.resourceAttributes.namespace",
        value: spec.resourceAttributes?.namespace,
        detail: "must match metadata.namespace",
      },
    ]);
  const subject = kind === selfSubjectAccessReviews ? user : subjectOf(kind, spec);
  return { spec, status: reviewAccess(backend, kind, subject, spec) };
}

function tokenReview(
  { serviceAccountTokens }: Backend,
  kind: Kind,
  review: KubeObject,
): { readonly spec: object; readonly status: object } {
  const given: unknown = "spec" in review ? review.spec : undefined;
  const spec = isObject(given) ? given : {};
  const { token } = spec;
  const audiences: unknown = spec["audiences"] ?? [];
  if (typeof token !== "string" || token === "")
    throw StatusError.invalid(kind, "", [
      { reason: "FieldValueRequired", field: "spec.token", detail: "" },
    ]);
  if (!Array.isArray(audiences) || !audiences.every((each) => typeof each === "string"))
    throw StatusError.invalid(kind, "", [
      {
        reason: "FieldValueInvalid",
        field: "spec.audiences",
        value: "<redacted>",
        detail: "must be a list of texts",
      },
    ]);
  const asked = audiences.length === 0 ? [TOKEN_ISSUER] : audiences;
  const identity = serviceAccountTokens?.identify(token, asked);
  return {
    spec,
    status:
      identity === undefined
        ? { user: {}, error: "[invalid bearer token, unknown, expired or revoked]" }
        : {
            authenticated: true,
            user: userInfo({
              ...identity.user,
              groups: [...identity.user.groups, "system:authenticated"],
            }),
            audiences: identity.audiences,
          },
  };
}

const userInfo = ({ name, uid, groups, extra }: UserInfo): object => ({
  username: name,
  ...(uid === undefined ? {} : { uid }),
  groups,
  ...(extra === undefined ? {} : { extra }),
});
