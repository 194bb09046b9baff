/** Whether the token of a request is one that a Receiver takes. */
import type { Clock } from "../../client/clock.ts";
import type { OidcProvider } from "../../kube/kinds/receiver.ts";
import { GOOGLE_ISSUERS, type KeySource } from "./issuer-keys.ts";
import {
  checkClaims,
  type Claims,
  isSignedBy,
  parseToken,
  type ParsedToken,
  TokenError,
} from "./json-web-token.ts";
import { equalSecrets } from "./signature.ts";

export interface TokenContext {
  readonly clock: Clock;
  readonly keys: KeySource;
  readonly signal: AbortSignal;
}

function tokenOf(authorization: string | undefined): ParsedToken {
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
  if (token === undefined) throw new TokenError("the request has no bearer token");
  return parseToken(token);
}

/**
 * Nothing that the token says counts before its signature does: the issuer is looked up in the
 * Receiver's list, never fetched from where the token says.
 * @throws TokenError; DeliveryError when the issuer's keys cannot be had
 */
export async function checkOidcToken(
  authorization: string | undefined,
  providers: readonly OidcProvider[],
  context: TokenContext,
): Promise<Claims> {
  const token = tokenOf(authorization);
  const provider = providers.find(
    ({ issuerURL, audience }) =>
      token.claims["iss"] === issuerURL && isAudience(token.claims["aud"], audience),
  );
  if (provider === undefined)
    throw new TokenError("the token is of an issuer or for an audience that is not taken");
  const { issuerURL, audience, validations = [] } = provider;
  await checkSignature(token, issuerURL, context);
  checkClaims(token.claims, { issuers: [issuerURL], audience }, context.clock.now());
  await validate(token.claims, validations);
  return token.claims;
}

const isAudience = (aud: unknown, audience: string): boolean =>
  aud === audience || (Array.isArray(aud) && aud.includes(audience));

/** Google's registries: signed by Google is not enough, anybody can have such a token (CVE-2026-40109). */
export async function checkGoogleToken(
  authorization: string | undefined,
  expected: { readonly email: string; readonly audience: string },
  context: TokenContext,
): Promise<void> {
  const token = tokenOf(authorization);
  const [issuer = ""] = GOOGLE_ISSUERS;
  await checkSignature(token, issuer, context);
  const { audience } = expected;
  checkClaims(token.claims, { issuers: GOOGLE_ISSUERS, audience }, context.clock.now());
  const { email, email_verified: isVerified } = token.claims;
  if (isVerified !== true) throw new TokenError("the token's email address is not verified");
  if (typeof email !== "string" || !equalSecrets(email, expected.email))
    throw new TokenError("the token is of another service account");
}

async function checkSignature(
  token: ParsedToken,
  issuer: string,
  { keys, signal }: TokenContext,
): Promise<void> {
  const found = await keys.of(issuer, (known) => isSignedBy(token, known), signal);
  if (!isSignedBy(token, found)) throw new TokenError("the token's signature is not its issuer's");
}

async function validate(
  claims: Claims,
  validations: NonNullable<OidcProvider["validations"]>,
): Promise<void> {
  if (validations.length === 0) return;
  const { compileCel } = await import("../../kube/cel/compile-cel.ts");
  const { CelError } = await import("../../kube/cel/cel-error.ts");
  for (const { expression, message } of validations) {
    let holds: unknown;
    try {
      holds = compileCel(expression, { variables: { claims: "dyn" }, result: "bool" }).evaluate({
        claims,
      });
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      throw new TokenError(`the claims do not fit ${expression}: ${error.message}`);
    }
    if (holds !== true) throw new TokenError(message ?? `the claims do not fit: ${expression}`);
  }
}
