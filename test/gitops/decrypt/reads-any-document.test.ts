import { generateX25519Identity, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { KeyRing } from "../../../src/gitops/decrypt/sops/key-ring.ts";
import { combineParts } from "../../../src/gitops/decrypt/sops/shamir.ts";
import { SopsDecryptor } from "../../../src/gitops/decrypt/sops/sops-decryptor.ts";
import { encryptYaml } from "./sops-encryptor.ts";

let recipient: string;
let decryptor: SopsDecryptor;
beforeAll(async () => {
  const identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  decryptor = new SopsDecryptor(new KeyRing({ age: [identity], pgp: [] }, { from: "a test" }));
});

/** Texts that YAML reads in many ways, and any others. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }).filter((it) => Buffer.from(it).toString() === it),
  fc.constantFrom(
    "",
    "null",
    "~",
    "yes",
    "0x1f",
    "1e3",
    "- x",
    "a: b",
    "# c",
    "|",
    "\n\n",
    "'",
    '"',
    "<<",
    "=",
    "%x",
    "---",
    "ENC[no]",
  ),
);
const name = fc
  .string({ minLength: 1, maxLength: 8 })
  .filter((it) => it !== "sops" && it !== "__proto__");
const { value: document } = fc.letrec<{ value: Record<string, unknown>; node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthIdentifier: "document" },
    text,
    fc.maxSafeInteger().filter((it) => !Object.is(it, -0)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("node"), { maxLength: 4, depthIdentifier: "document" }),
    tie("value"),
  ),
  value: fc.dictionary(name, tie("node"), {
    maxKeys: 5,
    depthIdentifier: "document",
    noNullPrototype: true,
  }) as fc.Arbitrary<Record<string, unknown>>,
}));

test("every document comes back as it was, from YAML and as an object", async () => {
  await fc.assert(
    fc.asyncProperty(document, fc.constantFrom(/./, /[a-m]/, /^$/), async (clear, under) => {
      const encrypted = await encryptYaml(clear, { recipient, under });
      const bytes = await decryptor.decryptFile("a.yaml", Buffer.from(encrypted));
      const read: unknown = parse(Buffer.from(bytes ?? []).toString()) ?? {};
      expect(read).toEqual(clear);
      const object = parse(encrypted) as never;
      expect(await decryptor.decryptObject(object)).toEqual(clear);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test("parts of a secret, by the polynomial of AES", () => {
  // f(x) = secret + slope·x, at x = 1, 2, 3: multiplication by 2 and 3 of a byte below 0x80 is plain.
  const [secret, slope] = [0x53, 0x2a];
  const part = (x: number, y: number): Uint8Array => Uint8Array.of(y, x);
  const parts = [
    part(1, secret ^ slope),
    part(2, secret ^ (slope << 1)),
    part(3, secret ^ (slope << 1) ^ slope),
  ] as const;
  const [a, b, c] = parts;
  for (const chosen of [
    [a, b],
    [b, c],
    [c, a],
    [a, b, c],
  ])
    expect(combineParts(chosen)).toEqual(Uint8Array.of(secret));
  for (const wrong of [[], [a], [a, a], [a, Uint8Array.of(1, 2, 3)], [Uint8Array.of(0, 0), a]])
    expect(combineParts(wrong)).toBeUndefined();
});
