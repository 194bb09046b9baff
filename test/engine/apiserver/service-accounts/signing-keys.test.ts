import { generateKeyPairSync } from "node:crypto";
import { readdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  signToken,
  verifiedClaims,
} from "../../../../src/engine/apiserver/service-accounts/json-web-token.ts";
import {
  keySet,
  openSigningKeys,
} from "../../../../src/engine/apiserver/service-accounts/signing-keys.ts";
import { temporaryDirectory } from "./token-server.ts";

it("makes a key once, readable by its owner only", async () => {
  const directory = join(await temporaryDirectory(), "pki");
  const first = await openSigningKeys(directory);
  const second = await openSigningKeys(directory);
  expect(second.active.id).toBe(first.active.id);
  expect((await stat(join(directory, "sa.key"))).mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect(await readdir(directory)).toEqual(["sa.key"]);
});

it("still trusts a key that was renamed, and no longer one that was removed", async () => {
  const directory = await temporaryDirectory();
  const old = await openSigningKeys(directory);
  const token = signToken({ sub: "somebody" }, old.active);
  await rename(join(directory, "sa.key"), join(directory, "sa-2025.key"));
  const rotated = await openSigningKeys(directory);
  expect(rotated.active.id).not.toBe(old.active.id);
  expect(verifiedClaims(token, rotated.trusted)).toEqual({ sub: "somebody" });
  expect(verifiedClaims(signToken({ sub: "new" }, rotated.active), rotated.trusted)).toBeDefined();
  await rename(join(directory, "sa-2025.key"), join(directory, "retired"));
  expect(verifiedClaims(token, (await openSigningKeys(directory)).trusted)).toBeUndefined();
});

it("verifies with an RSA key, and with the public half alone", async () => {
  const directory = await temporaryDirectory();
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" });
  await writeFile(join(directory, "sa-rsa.pub"), pem);
  const { trusted } = await openSigningKeys(directory);
  const [rsa] = [...trusted.values()].filter(({ algorithm }) => algorithm === "RS256");
  if (rsa === undefined) throw new Error("the RSA key is not trusted");
  const token = signToken({ sub: "somebody" }, { ...rsa, privateKey });
  expect(verifiedClaims(token, trusted)).toEqual({ sub: "somebody" });
});

it("publishes public keys only", async () => {
  const { keys } = keySet(await openSigningKeys(await temporaryDirectory()));
  expect(keys).toEqual([
    {
      use: "sig",
      alg: "ES256",
      kid: expect.any(String) as unknown,
      kty: "EC",
      crv: "P-256",
      x: expect.any(String) as unknown,
      y: expect.any(String) as unknown,
    },
  ]);
});

it.each([
  ["no key", "hello"],
  ["another curve", generateKeyPairSync("ec", { namedCurve: "secp384r1" })],
])("says which file holds %s", async (_, content) => {
  const directory = await temporaryDirectory();
  const pem =
    typeof content === "string"
      ? content
      : content.privateKey.export({ type: "pkcs8", format: "pem" });
  await writeFile(join(directory, "sa.key"), pem);
  await expect(openSigningKeys(directory)).rejects.toThrow(join(directory, "sa.key"));
});
