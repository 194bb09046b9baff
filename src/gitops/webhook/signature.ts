/** Signature checks of webhooks, all in constant time. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** The HMACs that a sender may name. SHA-1 only where a provider has nothing better. */
export type HmacAlgorithm = "sha1" | "sha256" | "sha512";

export function equalSecrets(presented: string | undefined, secret: string): boolean {
  if (presented === undefined) return false;
  // Compared as digests: lengths are equal, whatever was sent.
  const digest = (value: string): Buffer => createHmac("sha256", "gantry").update(value).digest();
  return timingSafeEqual(digest(presented), digest(secret));
}

/** A hexadecimal HMAC of the raw body. */
export function isHmac(
  algorithm: HmacAlgorithm,
  presented: string | undefined,
  body: Buffer,
  secret: string,
): boolean {
  if (presented === undefined) return false;
  return equalSecrets(
    presented.toLowerCase(),
    createHmac(algorithm, secret).update(body).digest("hex"),
  );
}

/** `sha256=<hex>`, as GitHub, Bitbucket and the generic sender write it. */
export function isPrefixedHmac(
  presented: string | undefined,
  body: Buffer,
  secret: string,
  allowed: readonly HmacAlgorithm[],
): boolean {
  const [, name, hex] = /^(sha1|sha256|sha512)=([0-9a-fA-F]+)$/.exec(presented ?? "") ?? [];
  const algorithm = allowed.find((candidate) => candidate === name);
  return algorithm !== undefined && isHmac(algorithm, hex, body, secret);
}

/** The `Authorization` header of `username:password`. */
export function basicAuthorization(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString("base64")}`;
}
