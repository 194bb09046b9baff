/** Who a request comes from: bearer tokens, compared in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";
import { StatusError } from "../../../kube/status-error.ts";
import type { UserInfo } from "../request-context.ts";
import type { ServiceAccountTokens } from "../service-accounts/service-account-tokens.ts";

export interface Authenticator {
  /** Undefined for a token that is nobody's. */
  authenticate(token: string): UserInfo | undefined;
}

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Fixed tokens; every known one is looked at, so that time tells nothing. */
export function staticTokens(tokens: ReadonlyMap<string, UserInfo>): Authenticator {
  const known = [...tokens].map(([token, user]) => ({ digest: digest(token), user }));
  return {
    authenticate(token) {
      const presented = digest(token);
      let found: UserInfo | undefined;
      for (const entry of known) if (timingSafeEqual(entry.digest, presented)) found = entry.user;
      return found;
    },
  };
}

/** Service accounts by their tokens, beside whom `others` knows. */
export function withServiceAccounts(
  tokens: ServiceAccountTokens,
  others: Authenticator,
): Authenticator {
  return {
    authenticate: (token) => others.authenticate(token) ?? tokens.identify(token)?.user,
  };
}

/**
 * Whoever asks in another's name must not get an answer in their own, which may be allowed far more.
 * Throws 403 for a request with `Impersonate-*` headers (`kubectl --as`).
 */
export function refuseImpersonation(headers: Readonly<Record<string, unknown>>): void {
  if (Object.keys(headers).some((name) => name.startsWith("impersonate-")))
    throw StatusError.of(
      "Forbidden",
      "impersonation is not supported: leave out --as, and use a token of the user or service account",
    );
}

/** Throws 401 without a valid `Authorization: Bearer …`. */
export function authenticateHeader(
  authenticator: Authenticator,
  header: string | undefined,
): UserInfo {
  const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  const user = token === undefined ? undefined : authenticator.authenticate(token);
  if (user === undefined) throw StatusError.of("Unauthorized", "Unauthorized");
  // Every authenticated user is in this group, as upstream.
  return { ...user, groups: [...new Set([...user.groups, "system:authenticated"])] };
}
