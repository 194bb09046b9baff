/**
 * Requests in the form of objects (`TokenReview`, …): answered and never stored, so they can only be
 * created. They are described as kinds are, for discovery and OpenAPI, but are not in the registry
 * of what is kept.
 */
import type { Kind } from "../../../kube/kind.ts";
import { builtinSchema } from "../../../kube/kinds/builtin-schema.ts";

/** What errors name a kind by. */
export type Named = Pick<Kind, "group" | "plural" | "kind">;

function reviewKind(group: string, kind: string, namespaced = false): Kind {
  const plural = `${kind.toLowerCase()}s`;
  return {
    group,
    version: "v1",
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced,
    get schema() {
      return builtinSchema(`${group}/v1`, kind);
    },
    columns: [],
    strategy: { validateName: () => [] },
  };
}

export const tokenReviews = reviewKind("authentication.k8s.io", "TokenReview");
export const selfSubjectReviews = reviewKind("authentication.k8s.io", "SelfSubjectReview");

const AUTHORIZATION = "authorization.k8s.io";
export const selfSubjectAccessReviews = reviewKind(AUTHORIZATION, "SelfSubjectAccessReview");
export const subjectAccessReviews = reviewKind(AUTHORIZATION, "SubjectAccessReview");
export const localSubjectAccessReviews = reviewKind(
  AUTHORIZATION,
  "LocalSubjectAccessReview",
  true,
);
export const selfSubjectRulesReviews = reviewKind(AUTHORIZATION, "SelfSubjectRulesReview");

export const REVIEW_KINDS: readonly Kind[] = [
  tokenReviews,
  selfSubjectReviews,
  selfSubjectAccessReviews,
  subjectAccessReviews,
  localSubjectAccessReviews,
  selfSubjectRulesReviews,
];

export function findReview(group: string, version: string, plural: string): Kind | undefined {
  return REVIEW_KINDS.find(
    (kind) => kind.group === group && kind.version === version && kind.plural === plural,
  );
}
