/** Answers a review. What is asked about is looked up in memory; nothing is written. */
import { isObject } from "../../../kube/json-object.ts";
import type { Kind } from "../../../kube/kind.ts";
import { apiVersionOf, type KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { authorize } from "../authorizer.ts";
import type { Backend } from "../backend.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import type { RequestContext, UserInfo } from "../request-context.ts";
import { readBody } from "../rest/body.ts";
import { timestamp } from "../rest/timestamp.ts";
import { TOKEN_ISSUER } from "../service-accounts/token-claims.ts";
import { selfSubjectReviews } from "./review-kinds.ts";

/** Throws 403 for who may not ask, 400 and 422 for what is no question. */
export function answerReview(
  backend: Backend,
  context: RequestContext,
  kind: Kind,
  body: KubeObject,
): Encoded {
  const { user } = context;
  // Everybody may ask who they are themselves.
  if (kind !== selfSubjectReviews)
    authorize(backend.authorizer, {
      user,
      verb: "create",
      group: kind.group,
      version: kind.version,
      plural: kind.plural,
    });
  const review = readBody(kind, undefined, body);
  const metadata = { name: "", creationTimestamp: timestamp(backend.clock.now()) };
  const answer = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
  const outcome: KubeObject & Record<string, unknown> =
    kind === selfSubjectReviews
      ? { ...answer, status: { userInfo: userInfo(user) } }
      : { ...answer, ...tokenReview(backend, kind, review) };
  return encodeLazily(outcome);
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
