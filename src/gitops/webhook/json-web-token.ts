/**
 * Verifies JSON Web Tokens (RFC 7515, 7519) with public keys (RFC 7517). Only what OpenID providers
 * sign with: no `none`, no shared secrets, and the key decides which algorithms it may be used for.
 */
import { type JsonWebKey, createPublicKey, type KeyObject, verify } from "node:crypto";

export type Claims = Readonly<Record<string, unknown>>;

/** Why a token is not taken; shown to the sender. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

interface Algorithm {
  readonly keyType: string;
  readonly curve?: string;
  readonly hash: string | null;
  readonly isPss?: true;
}
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { keyType: "RSA", hash: "sha256" },
  RS384: { keyType: "RSA", hash: "sha384" },
  RS512: { keyType: "RSA", hash: "sha512" },
  PS256: { keyType: "RSA", hash: "sha256", isPss: true },
  PS384: { keyType: "RSA", hash: "sha384", isPss: true },
  PS512: { keyType: "RSA", hash: "sha512", isPss: true },
  ES256: { keyType: "EC", curve: "P-256", hash: "sha256" },
  ES384: { keyType: "EC", curve: "P-384", hash: "sha384" },
  ES512: { keyType: "EC", curve: "P-521", hash: "sha512" },
  EdDSA: { keyType: "OKP", curve: "Ed25519", hash: null },
};
/** Tokens of real providers have one to three kilobytes. */
const MAX_TOKEN_CHARACTERS = 16 * 1024;
/** Clocks differ. */
const LEEWAY_SECONDS = 60;
/** As little as anybody still uses. */
const MIN_RSA_BITS = 2_048;
const RSA_PKCS1_PSS_PADDING = 6;

export interface ParsedToken {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly claims: Claims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Reads a token; nothing in it is to be believed yet. @throws TokenError */
export function parseToken(token: string): ParsedToken {
  if (token.length > MAX_TOKEN_CHARACTERS) throw new TokenError("the token is too long");
  const match = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token);
  if (match === null) throw new TokenError("the token is no JSON Web Token");
  const [, header = "", payload = "", signature = ""] = match;
  const { alg, kid, crit } = decode(header);
  if (typeof alg !== "string" || !Object.hasOwn(ALGORITHMS, alg))
    throw new TokenError("the token is signed with an algorithm that is not taken");
  if (crit !== undefined) throw new TokenError("the token asks for extensions that are not known");
  return {
    algorithm: alg,
    keyId: typeof kid === "string" ? kid : undefined,
    claims: decode(payload),
    signed: Buffer.from(`${header}.${payload}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

function decode(part: string): Claims {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url"));
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Claims;
  } catch {
    // Said below.
  }
  throw new TokenError("the token is no JSON Web Token");
}

/** Whether one of the keys signed the token. */
export function isSignedBy(token: ParsedToken, keys: readonly unknown[]): boolean {
  return keys.some((key) => {
    const publicKey = usableKey(token, key);
    return publicKey !== undefined && isSigned(token, publicKey);
  });
}

/** The key, where it is one for this token. */
function usableKey({ algorithm, keyId }: ParsedToken, key: unknown): KeyObject | undefined {
  if (typeof key !== "object" || key === null) return undefined;
  const { kty, crv, kid, use, alg } = key as Record<string, unknown>;
  const wanted = ALGORITHMS[algorithm];
  if (wanted === undefined || kty !== wanted.keyType) return undefined;
  if (wanted.curve !== undefined && crv !== wanted.curve) return undefined;
  if (use !== undefined && use !== "sig") return undefined;
  if (alg !== undefined && alg !== algorithm) return undefined;
  if (keyId !== undefined && kid !== undefined && kid !== keyId) return undefined;
  try {
    const publicKey = createPublicKey({ key: key as JsonWebKey, format: "jwk" });
    const bits = publicKey.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < MIN_RSA_BITS ? undefined : publicKey;
  } catch {
    // A key that cannot be read signed nothing.
    return undefined;
  }
}

function isSigned({ algorithm, signed, signature }: ParsedToken, key: KeyObject): boolean {
  const { hash = null, isPss, keyType } = ALGORITHMS[algorithm] ?? {};
  return verify(
    hash,
    signed,
    {
      key,
      ...(isPss === true ? { padding: RSA_PKCS1_PSS_PADDING } : {}),
      ...(keyType === "EC" ? { dsaEncoding: "ieee-p1363" as const } : {}),
    },
    signature,
  );
}

/** Issuer, audience and times; all must be there and right. @throws TokenError */
export function checkClaims(
  claims: Claims,
  expected: { readonly issuers: readonly string[]; readonly audience: string },
  nowMs: number,
): void {
  const { iss, aud, exp, nbf, iat } = claims;
  if (typeof iss !== "string" || !expected.issuers.includes(iss))
    throw new TokenError("the token is of another issuer");
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (expected.audience === "" || !audiences.includes(expected.audience))
    throw new TokenError("the token is for another audience");
  const nowSeconds = nowMs / 1_000;
  if (typeof exp !== "number" || nowSeconds > exp + LEEWAY_SECONDS)
    throw new TokenError("the token has expired");
  for (const since of [nbf, iat])
    if (since !== undefined && (typeof since !== "number" || nowSeconds < since - LEEWAY_SECONDS))
      throw new TokenError("the token is not valid yet");
}
