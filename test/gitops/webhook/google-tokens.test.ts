import { afterAll, beforeAll, expect, test } from "vitest";
import { checkGoogleToken } from "../../../src/gitops/webhook/bearer-token.ts";
import { TokenError } from "../../../src/gitops/webhook/json-web-token.ts";
import { ManualClock } from "../../manual-clock.ts";
import { TokenIssuer } from "./token-issuer.ts";

const clock = new ManualClock();
const EXPECTED = {
  email: "push@project.iam.gserviceaccount.com",
  audience: "https://gantry.example/hook",
};
const CLAIMS = {
  iss: "https://accounts.google.com",
  aud: EXPECTED.audience,
  exp: clock.now() / 1_000 + 300,
  email: EXPECTED.email,
  email_verified: true,
};

let google: TokenIssuer;
let asked: string[];
beforeAll(async () => {
  google = await TokenIssuer.start();
});
afterAll(() => google.stop());

function check(claims: object, token = google.token(claims)): Promise<void> {
  asked = [];
  const keys = {
    of: (issuer: string) => {
      asked.push(issuer);
      return Promise.resolve([google.jwk]);
    },
  };
  const { signal } = new AbortController();
  return checkGoogleToken(`Bearer ${token}`, EXPECTED, { clock, keys, signal });
}

test("a token of the service account, for us, is taken, with Google's keys", async () => {
  await check(CLAIMS);
  expect(asked).toEqual(["https://accounts.google.com"]);
  await check({ ...CLAIMS, iss: "accounts.google.com" });
});

// CVE-2026-40109: signed by Google is what every token of every Google account is.
test.each([
  ["another issuer", { iss: "https://evil.example" }],
  ["another audience", { aud: "https://other.example" }],
  ["no audience", { aud: undefined }],
  ["another account", { email: "somebody@gmail.com" }],
  ["no account", { email: undefined }],
  ["an account that is not verified", { email_verified: false }],
  ["an account said to be verified in words", { email_verified: "true" }],
  ["an account of which nothing is said", { email_verified: undefined }],
  ["the past", { exp: clock.now() / 1_000 - 300 }],
])("a token of %s is refused", async (_what, more) => {
  await expect(check({ ...CLAIMS, ...more })).rejects.toThrow(TokenError);
  // The token does not say where keys come from.
  expect(asked).toEqual(["https://accounts.google.com"]);
});

test("a token that somebody else signed is refused", async () => {
  const other = await TokenIssuer.start();
  await expect(check(CLAIMS, other.token(CLAIMS))).rejects.toThrow(/signature/);
  await other.stop();
});
