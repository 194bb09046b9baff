/**
 * JSON Web Tokens (RFC 7519) in the compact form, signed with ES256 or RS256. What is accepted is
 * decided by the key that the header names, never by the header's own word: `alg: none` and a
 * public key taken for a shared secret lead nowhere.
 */
import { type KeyObject, sign, verify } from "node:crypto";
import { isObject } from "../../../kube/json-object.ts";

export type Algorithm = "ES256" | "RS256";

export interface SignatureKey {
  /** Names the key in the header of a token and in the key set. */
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly publicKey: KeyObject;
}

/** A service account's token has about 1,200 characters; what is far longer is none. */
const MAX_TOKEN_CHARACTERS = 16_384;

export type Claims = Readonly<Record<string, unknown>>;

export function signToken(
  claims: object,
  key: SignatureKey & { readonly privateKey: KeyObject },
): string {
  const header = encode({ alg: key.algorithm, kid: key.id });
  const signed = `${header}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: key.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}

/** The claims of a token that one of these keys has signed; times are not looked at. */
export function verifiedClaims(
  token: string,
  keys: ReadonlyMap<string, SignatureKey>,
): Claims | undefined {
  if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
  const [header = "", payload = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || signature === "") return undefined;
  const { alg, kid } = decode(header) ?? {};
  const key = typeof kid === "string" ? keys.get(kid) : undefined;
  if (key === undefined || alg !== key.algorithm) return undefined;
  const isSigned = verify(
    "sha256",
    Buffer.from(`${header}.${payload}`),
    { key: key.publicKey, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  return isSigned ? decode(payload) : undefined;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
