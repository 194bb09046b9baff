import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  checkClaims,
  isSignedBy,
  parseToken,
  TokenError,
} from "../../../src/gitops/webhook/json-web-token.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = NOW_MS / 1_000;
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const jwk = (key: typeof rsa.publicKey, more: object = {}): object => ({
  ...key.export({ format: "jwk" }),
  ...more,
});
const CLAIMS = { iss: "https://issuer", aud: "gantry", exp: NOW + 60 };

function signed(header: object, signer: (data: Buffer) => Buffer, claims: object = CLAIMS): string {
  const data = `${encode(header)}.${encode(claims)}`;
  return `${data}.${signer(Buffer.from(data)).toString("base64url")}`;
}
const byRsa = (data: Buffer): Buffer => sign("sha256", data, rsa.privateKey);

describe("a signature", () => {
  test.each([
    ["RS256", byRsa, jwk(rsa.publicKey)],
    [
      "PS256",
      (data: Buffer) => sign("sha256", data, { key: rsa.privateKey, padding: 6, saltLength: 32 }),
      jwk(rsa.publicKey),
    ],
    [
      "ES256",
      (data: Buffer) => sign("sha256", data, { key: ec.privateKey, dsaEncoding: "ieee-p1363" }),
      jwk(ec.publicKey),
    ],
    ["EdDSA", (data: Buffer) => sign(null, data, ed.privateKey), jwk(ed.publicKey)],
  ])("with %s is checked", (alg, signer, key) => {
    const token = parseToken(signed({ alg }, signer));
    expect(isSignedBy(token, [key])).toBe(true);
    const others = [
      jwk(generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey),
      {},
      null,
      7,
    ];
    expect(isSignedBy(token, others)).toBe(false);
    const changed = { ...token, signed: Buffer.from(`${token.signed.toString()}x`) };
    expect(isSignedBy(changed, [key])).toBe(false);
    expect(isSignedBy({ ...token, signature: Buffer.alloc(0) }, [key])).toBe(false);
  });

  test("with the public key as a shared secret is none", () => {
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
    const forged = signed({ alg: "HS256" }, (data) =>
      createHmac("sha256", pem).update(data).digest(),
    );
    expect(() => parseToken(forged)).toThrow(TokenError);
  });

  test.each([["none"], ["None"], ["HS512"], ["__proto__"], ["constructor"], [7], [null]])(
    "of algorithm %s is none",
    (alg) => {
      expect(() => parseToken(signed({ alg }, byRsa))).toThrow(/algorithm/);
    },
  );

  test("counts only with a key for it: its type, use, algorithm, id and size", () => {
    const token = parseToken(signed({ alg: "RS256", kid: "a" }, byRsa));
    expect(isSignedBy(token, [jwk(rsa.publicKey, { kid: "a", use: "sig", alg: "RS256" })])).toBe(
      true,
    );
    for (const more of [
      { kid: "b" },
      { use: "enc" },
      { alg: "RS512" },
      { kty: "EC" },
      { kty: "oct", k: "AA" },
    ])
      expect(isSignedBy(token, [jwk(rsa.publicKey, more)])).toBe(false);
    const small = generateKeyPairSync("rsa", { modulusLength: 1_024 });
    const weak = parseToken(
      signed({ alg: "RS256" }, (data) => sign("sha256", data, small.privateKey)),
    );
    expect(isSignedBy(weak, [jwk(small.publicKey)])).toBe(false);
  });
});

test.each([
  "",
  "a.b",
  "a.b.c.d",
  "é.b.c",
  ` ${signed({ alg: "RS256" }, byRsa)}`,
  "a".repeat(20_000),
])("%s is no token", (text) => {
  expect(() => parseToken(text)).toThrow(TokenError);
});
test("extensions that must be understood are not", () => {
  expect(() => parseToken(signed({ alg: "RS256", crit: ["b64"], b64: false }, byRsa))).toThrow(
    /extensions/,
  );
});

describe("claims", () => {
  const expected = { issuers: ["https://issuer"], audience: "gantry" };
  test.each([
    [CLAIMS],
    [{ ...CLAIMS, aud: ["other", "gantry"], nbf: NOW, iat: NOW }],
    [{ ...CLAIMS, exp: NOW - 30 }],
  ])("%j fit", (claims) => {
    expect(() => checkClaims(claims, expected, NOW_MS)).not.toThrow();
  });
  test.each([
    [{ ...CLAIMS, iss: "https://other" }],
    [{ ...CLAIMS, iss: undefined }],
    [{ ...CLAIMS, aud: "other" }],
    [{ ...CLAIMS, aud: undefined }],
    [{ ...CLAIMS, aud: ["other"] }],
    [{ ...CLAIMS, exp: NOW - 61 }],
    [{ ...CLAIMS, exp: undefined }],
    [{ ...CLAIMS, exp: "9999999999" }],
    [{ ...CLAIMS, nbf: NOW + 61 }],
    [{ ...CLAIMS, iat: "yesterday" }],
  ])("%j do not", (claims) => {
    expect(() => checkClaims(claims, expected, NOW_MS)).toThrow(TokenError);
  });
  test("of nobody in particular are for nobody", () => {
    expect(() =>
      checkClaims({ ...CLAIMS, aud: "" }, { ...expected, audience: "" }, NOW_MS),
    ).toThrow();
  });
});
