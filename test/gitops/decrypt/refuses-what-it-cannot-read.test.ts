import { expect, test } from "vitest";
import { DecryptError } from "../../../src/gitops/decrypt/decrypt-error.ts";
import type { Decryptor } from "../../../src/gitops/decrypt/decryptor.ts";
import { withoutKeys } from "../../../src/gitops/decrypt/without-keys.ts";
import type { JsonObject } from "../../../src/kube/object.ts";
import { decryptorWith, fixture, lockedPgp, ONE, OPEN_PGP, OTHER, TWO } from "./sops-files.ts";

const text = (path: string): string => fixture(`encrypted/${path}`).toString();

async function refusal(
  decryptor: Decryptor,
  path: string,
  content = text(path),
): Promise<{ code: string; message: string }> {
  try {
    await decryptor.decryptFile(path, Buffer.from(content));
  } catch (error) {
    expect(error).toBeInstanceOf(DecryptError);
    const { code, message } = error as DecryptError;
    // Neither clear nor encrypted values, nor keys.
    expect(message).not.toMatch(/ENC\[|AGE-SECRET-KEY-1|hunter2|correct horse|BEGIN/);
    return { code, message };
  }
  throw new Error("it was not refused");
}

test("no keys: whom it is for, and what to do", async () => {
  const { code, message } = await refusal(withoutKeys, "rules.yaml");
  expect(code).toBe("not-configured");
  expect(message).toContain("age age1jjnkqmltswxhkultndwf8rdny2zhug9rtqelx0fqv7utwspfl3fqd39r40");
  expect(message).toContain("spec.decryption");
  for (const path of [
    "secret.json",
    "app.env",
    "app.ini",
    "blob.bin",
    "open-pgp.yaml",
    "groups.yaml",
  ])
    expect(await refusal(withoutKeys, path)).toMatchObject({ code: "not-configured" });
});

test("other keys: which are there, and which are needed", async () => {
  const { code, message } = await refusal(decryptorWith(OTHER), "rules.yaml");
  expect(code).toBe("no-key");
  expect(message).toMatch(/age age1jjnk.*but the Secret team\/keys holds age1wjwx/);
  expect(await refusal(decryptorWith(ONE), "open-pgp.yaml")).toMatchObject({ code: "no-key" });
  expect((await refusal(decryptorWith(OPEN_PGP), "locked-pgp.yaml")).message).toMatch(
    /pgp C6A1F1E3.* holds B539DA2C/,
  );
});

test("one of three key groups where two are needed", async () => {
  const { code, message } = await refusal(decryptorWith(ONE, OTHER), "groups.yaml");
  expect(code).toBe("no-key");
  expect(message).toContain("1 of 2 needed key groups");
});

test("a locked OpenPGP key without its passphrase, or with another's", async () => {
  for (const passphrase of [undefined, "wrong"])
    expect(await refusal(decryptorWith(lockedPgp(passphrase)), "locked-pgp.yaml")).toMatchObject({
      code: "bad-key",
    });
});

test("something else than a key", async () => {
  const decryptor = decryptorWith({ age: ["AGE-SECRET-KEY-1NOTVALID"], pgp: [] });
  expect(await refusal(decryptor, "rules.yaml")).toMatchObject({ code: "bad-key" });
  const words = decryptorWith({ age: ["hunter2"], pgp: [] });
  expect(await refusal(words, "rules.yaml")).toMatchObject({ code: "bad-key" });
  const armored = decryptorWith({ age: [], pgp: [{ armored: "hunter2" }] });
  expect(await refusal(armored, "open-pgp.yaml")).toMatchObject({ code: "bad-key" });
});

/** The metadata without its age keys, for keys of services instead. */
const forServices = text("rules.yaml").replace(
  /^ {4}age:\n(?: {8}.*\n)+/m,
  `    kms:
        - arn: arn:aws:kms:eu-central-1:123456789012:key/abc
          created_at: "2026-01-01T00:00:00Z"
          enc: AAAA
    gcp_kms:
        - resource_id: projects/p/locations/global/keyRings/r/cryptoKeys/k
          created_at: "2026-01-01T00:00:00Z"
          enc: AAAA
    azure_kv:
        - vault_url: https://v.vault.azure.net
          name: sops
          version: "1"
          created_at: "2026-01-01T00:00:00Z"
          enc: AAAA
    hc_vault:
        - vault_address: https://vault.example.com
          engine_path: transit
          key_name: sops
          created_at: "2026-01-01T00:00:00Z"
          enc: AAAA
`,
);

test("keys of services, which are never asked", async () => {
  const { code, message } = await refusal(decryptorWith(ONE), "kms.yaml", forServices);
  expect(code).toBe("unsupported-key");
  for (const name of [
    "AWS KMS arn:aws:kms:eu-central-1:123456789012:key/abc",
    "Google Cloud KMS projects/p/locations/global/keyRings/r/cryptoKeys/k",
    "Azure Key Vault https://v.vault.azure.net/sops",
    "HashiCorp Vault https://vault.example.com/transit/sops",
  ])
    expect(message).toContain(name);
});

/** Changes that somebody without a key can make, and what becomes of them. */
const CHANGES: Readonly<Record<string, readonly [path: string, change: (text: string) => string]>> =
  {
    "a field in clear": ["rules.yaml", (it) => it.replace("replicas: 3", "replicas: 300")],
    "a field that was added": [
      "rules.yaml",
      (it) => it.replace("\ndata:", "\nimmutable: true\ndata:"),
    ],
    "a field that was taken out": ["rules.yaml", (it) => it.replace("type: Opaque\n", "")],
    "fields in another order": [
      "rules.yaml",
      (it) => it.replace("replicas: 3\nratio: 0.25\n", "ratio: 0.25\nreplicas: 3\n"),
    ],
    "a value under another key": ["rules.yaml", (it) => it.replace("password:", "username:")],
    "two values that changed places": [
      "rules.yaml",
      (it) => {
        const [a = "", b = ""] = it.match(/ENC\[AES256_GCM[^\]]*\](?=\n)/g) ?? [];
        return it.replace(a, "A").replace(b, a).replace("A", b);
      },
    ],
    "a bit of a value": [
      "rules.yaml",
      (it) => it.replace(/data:(.)/, (_, c) => `data:${c === "A" ? "B" : "A"}`),
    ],
    "another type": [
      "suffix.yaml",
      (it) =>
        it
          .replace(",type:str]\nsops", ",type:int]\nsops")
          .replace(/tag:(.)/, (_, c) => `tag:${c === "A" ? "B" : "A"}`),
    ],
    "a value replaced by nothing": [
      "suffix.yaml",
      (it) => it.replace(/token_secret: ENC.*/, 'token_secret: ""'),
    ],
    "a value replaced by clear text": [
      "suffix.yaml",
      (it) => it.replace(/token_secret: ENC.*/, "token_secret: other"),
    ],
    "the MAC of another file": [
      "rules.yaml",
      (it) => it.replace(/mac: .*/, /mac: .*/.exec(text("suffix.yaml"))?.[0] ?? ""),
    ],
    "the time of the last change": [
      "rules.yaml",
      (it) => it.replace(/lastmodified: "2026/, 'lastmodified: "2025'),
    ],
    "a comment of the rules": [
      "rules.yaml",
      (it) => it.replace("mac:", "mac_only_encrypted: true\n    mac:"),
    ],
    "a document that was taken out": ["documents.yaml", (it) => it.slice(0, it.indexOf("\n---\n"))],
    "a JSON field": ["secret.json", (it) => it.replace('"a/b": ""', '"a/b": "", "c": 1')],
    "a variable": ["app.env", (it) => it.replace("EMPTY=", "EMPTY=full")],
    "an INI value": ["app.ini", (it) => it.replace("[web]", "[web]\nadded = yes")],
  };

test.each(Object.entries(CHANGES))("%s", async (_, [path, change]) => {
  const changed = change(text(path));
  expect(changed).not.toBe(text(path));
  expect((await refusal(decryptorWith(ONE), path, changed)).code).toBe("tampered");
});

const HOSTILE: Readonly<Record<string, readonly [path: string, content: string]>> = {
  "an alias bomb": [
    "bomb.yaml",
    `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nsops:\n  mac: ENC[AES256_GCM,x]\n  lastmodified: x\n`,
  ],
  "aliases in the metadata": [
    "bomb.yaml",
    `sops:\n  mac: ENC[AES256_GCM,x]\n  lastmodified: x\n  age: &a [*a]\n`,
  ],
  "endless nesting": [
    "deep.yaml",
    `a: ${"[".repeat(5000)}${"]".repeat(5000)}\nsops: {mac: "ENC[AES256_GCM,x]"}\n`,
  ],
  "endless nesting in JSON": [
    "deep.json",
    `{"a": ${"[".repeat(5000)}${"]".repeat(5000)}, "sops": {"mac": "ENC[AES256_GCM,x]"}}`,
  ],
  "no YAML": ["broken.yaml", "sops: {mac: ENC[AES256_GCM,\n}: ]\nhunter2: ["],
  "metadata that is text": ["text.yaml", "sops: ENC[AES256_GCM,hunter2]\n"],
  "metadata without a MAC": ["none.yaml", "a: ENC[AES256_GCM,x]\nsops:\n  version: 3\n"],
  "more keys than people have": [
    "many.yaml",
    `sops:\n  mac: ENC[AES256_GCM,x]\n  lastmodified: x\n  age:\n${"    - {recipient: a, enc: b}\n".repeat(300)}`,
  ],
  "the same key twice": [
    "twice.json",
    `{"a": "ENC[AES256_GCM,x]", "a": "b", "sops": {"mac": "ENC[AES256_GCM,x]", "lastmodified": "x"}}`,
  ],
};

test.each(Object.entries(HOSTILE))("%s", async (_, [path, content]) => {
  const startedAt = performance.now();
  expect((await refusal(decryptorWith(ONE, TWO), path, content)).code).toBe("malformed");
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test("a file that is larger than any Secret", async () => {
  const padding = `# ${"x".repeat(6 * 1024 * 1024)}\n`;
  const { code } = await refusal(decryptorWith(ONE), "rules.yaml", padding + text("rules.yaml"));
  expect(code).toBe("too-large");
});

test("names of keys in a file cannot disturb the terminal of who reads of them", async () => {
  const content = text("rules.yaml").replace(/recipient: .*/, 'recipient: "age1\\e[2J\\u202e"');
  const { message } = await refusal(decryptorWith(OTHER), "rules.yaml", content);
  expect(message).not.toMatch(/\p{Cc}|\p{Cf}/u);
});

const secret = (fields: JsonObject): JsonObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s" },
  ...fields,
});
const base64 = (path: string): string => fixture(`encrypted/${path}`).toString("base64");

test("a Secret that Kustomize made of encrypted files", async () => {
  const data = { "app.env": base64("app.env"), "blob.bin": base64("blob.bin"), plain: "aGk=" };
  const clear = await decryptorWith(ONE).decryptObject(secret({ data }));
  const values = clear?.["data"] as Record<string, string>;
  expect(Buffer.from(values["blob.bin"] ?? "", "base64")).toEqual(fixture("clear/blob.bin"));
  expect(Buffer.from(values["app.env"] ?? "", "base64").toString()).toContain("PASSWORD=hunter2");
  expect(values["plain"]).toBe("aGk=");
  const strings = { "rules.yaml": text("rules.yaml") };
  const inText = await decryptorWith(ONE).decryptObject(secret({ stringData: strings }));
  expect(JSON.stringify(inText)).toContain('token: \\"abc\\"');
  await expect(withoutKeys.decryptObject(secret({ data }))).rejects.toThrow(/no key is configured/);
});

test("encrypted values must not reach the cluster as they are", async () => {
  const stray = /ENC\[AES256_GCM[^\]]*\]/.exec(text("rules.yaml"))?.[0] ?? "";
  for (const decryptor of [decryptorWith(ONE), withoutKeys])
    for (const fields of [
      { stringData: { token: stray } },
      { data: { token: stray } },
      { data: { token: Buffer.from(stray).toString("base64") } },
    ])
      await expect(decryptor.decryptObject(secret(fields))).rejects.toMatchObject({
        code: "malformed",
      });
  expect(await withoutKeys.decryptObject(secret({ data: { a: "aGk=" } }))).toBeUndefined();
});

test("who asks for it gets an object as it is", async () => {
  for (const mark of ["annotations", "labels"]) {
    const object = secret({
      metadata: { name: "s", [mark]: { "kustomize.toolkit.fluxcd.io/decrypt": "disabled" } },
      stringData: { "rules.yaml": text("rules.yaml") },
    });
    expect(await decryptorWith(ONE).decryptObject(object)).toBeUndefined();
    expect(await withoutKeys.decryptObject(object)).toBeUndefined();
  }
});

test("the ids of keys differ with the keys, and reveal none", () => {
  const ids = [ONE, TWO, OTHER, OPEN_PGP, lockedPgp(), lockedPgp("x")].map(
    (keys) => decryptorWith(keys).id,
  );
  expect(new Set([...ids, withoutKeys.id]).size).toBe(7);
  expect(decryptorWith(ONE).id).toBe(ids[0]);
  expect(ids.join()).not.toContain("AGE-SECRET");
});
