/** Every file of `fixtures/encrypted` was written by sops; `fixtures/decrypted` is what sops reads. */
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type { JsonObject } from "../../../src/kube/object.ts";
import type { KeyMaterial } from "../../../src/gitops/decrypt/sops/private-keys.ts";
import { decryptorWith, fixture, lockedPgp, ONE, OPEN_PGP, TWO } from "./sops-files.ts";

const decrypt = async (path: string, ...keys: readonly KeyMaterial[]): Promise<Buffer> => {
  const clear = await decryptorWith(...keys).decryptFile(path, fixture(`encrypted/${path}`));
  expect(clear).toBeDefined();
  return Buffer.from(clear ?? []);
};
/** Without merging numbers that JavaScript cannot tell apart. */
const exactly = (yaml: Buffer | string): unknown[] =>
  parseAllDocuments(yaml.toString(), { intAsBigInt: true }).map((each) => each.toJS() as unknown);

test.each(["secret.yaml", "rules.yaml", "suffix.yaml", "comments.yaml", "documents.yaml"])(
  "%s",
  async (path) => {
    const clear = await decrypt(path, ONE);
    expect(exactly(clear)).toEqual(exactly(fixture(`decrypted/${path}`)));
    expect(clear.toString().match(/ENC\[AES256_GCM/g) ?? []).toEqual(
      // Comments stay as they are: nothing reads them.
      clear.toString().match(/(?<=#)ENC\[AES256_GCM/g) ?? [],
    );
  },
);

test("JSON", async () => {
  const clear = (await decrypt("secret.json", ONE)).toString();
  expect(JSON.parse(clear)).toEqual(JSON.parse(fixture("decrypted/secret.json").toString()));
  expect(clear).toContain("9007199254740993");
});

test.each(["app.env", "suffix.env"])("%s", async (path) => {
  expect((await decrypt(path, ONE)).toString().replace(/^#ENC.*\n/, "# a comment\n")).toBe(
    fixture("clear/app.env").toString(),
  );
});

test("INI", async () => {
  const lines = (ini: Buffer): string[] =>
    ini
      .toString()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(";"));
  expect(lines(await decrypt("app.ini", ONE))).toEqual(lines(fixture("decrypted/app.ini")));
});

test("bytes, and text of a name that says nothing", async () => {
  expect(await decrypt("blob.bin", ONE)).toEqual(fixture("clear/blob.bin"));
  expect(await decrypt("plain.txt", ONE)).toEqual(fixture("clear/plain.txt"));
});

test("OpenPGP keys, with and without a passphrase", async () => {
  const clear = exactly(fixture("decrypted/rules.yaml"));
  expect(exactly(await decrypt("open-pgp.yaml", OPEN_PGP))).toEqual(clear);
  expect(exactly(await decrypt("locked-pgp.yaml", lockedPgp("test-passphrase")))).toEqual(clear);
});

test("any of several recipients", async () => {
  const clear = exactly(fixture("decrypted/secret.yaml"));
  expect(exactly(await decrypt("two-recipients.yaml", ONE))).toEqual(clear);
  expect(exactly(await decrypt("two-recipients.yaml", TWO))).toEqual(clear);
});

test("key groups: any two of three", async () => {
  const clear = exactly(fixture("clear/suffix.yaml"));
  for (const keys of [
    [ONE, TWO],
    [ONE, OPEN_PGP],
    [TWO, OPEN_PGP],
    [ONE, TWO, OPEN_PGP],
  ] as const) {
    expect(exactly(await decrypt("groups.yaml", ...keys))).toEqual(clear);
    await decrypt("groups.env", ...keys);
  }
});

test("lines keep their numbers", async () => {
  const path = "rules.yaml";
  const before = fixture(`encrypted/${path}`).toString().split("\n");
  const after = (await decrypt(path, ONE)).toString().split("\n");
  for (const [at, line] of after.entries())
    if (line.trim() !== "") expect(line.split(":")[0]).toBe(before[at]?.split(":")[0]);
  expect(after.join("\n")).not.toContain("sops:");
});

test("an object whose keys are in another order, as Kustomize leaves it", async () => {
  const object = parse(fixture("encrypted/rules.yaml").toString()) as JsonObject;
  const shuffled = Object.fromEntries(Object.entries(object).toReversed());
  const clear = await decryptorWith(ONE).decryptObject(shuffled);
  expect(clear).toMatchObject({
    kind: "Secret",
    data: { password: "aHVudGVyMg==" },
    stringData: { token: "abc" },
  });
  expect(clear).not.toHaveProperty("sops");
});

test("an object of every type", async () => {
  const object = parse(fixture("encrypted/secret.yaml").toString()) as JsonObject;
  const clear = await decryptorWith(ONE).decryptObject(object);
  const expected = parse(fixture("decrypted/secret.yaml").toString()) as JsonObject;
  // A number that JavaScript cannot hold stays text rather than change.
  const types = { ...(expected["types"] as JsonObject), big: "9007199254740993" };
  expect(clear).toEqual({ ...expected, types });
});

test("what is not encrypted", async () => {
  const decryptor = decryptorWith(ONE);
  for (const path of ["secret.yaml", "secret.json", "app.env", "app.ini", "blob.bin", "plain.txt"])
    expect(await decryptor.decryptFile(path, fixture(`clear/${path}`))).toBeUndefined();
  expect(await decryptor.decryptObject({ kind: "Secret", sops: "none" })).toBeUndefined();
  const prose = Buffer.from("# how sops works\nvalue: like ENC[AES256_GCM,data:…]\n");
  expect(await decryptor.decryptFile("docs.yaml", prose)).toBeUndefined();
  expect(await decryptor.decryptFile("docs.md", prose)).toBeUndefined();
});
