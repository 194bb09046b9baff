/** Keys, signatures and lists of them come from repositories, Secrets and ConfigMaps: nothing of them is to be relied on. */
import { generateKeyPairSync, randomBytes, sign, createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { KnownHosts } from "../../../src/gitops/source/ssh/known-hosts.ts";
import { parseAllowedSigners } from "../../../src/gitops/source/verify/allowed-signers.ts";
import { verifySsh } from "../../../src/gitops/source/verify/ssh-public-key.ts";
import {
  parseSshSignature,
  type SshSignature,
  verifySshSignature,
} from "../../../src/gitops/source/verify/ssh-signature.ts";
import { sshString } from "../../../src/gitops/source/verify/ssh-wire.ts";

const MESSAGE = Buffer.from("tree 1\n\nwhat was signed\n");
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const point = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const KEY = Buffer.concat([sshString("ssh-ed25519"), sshString(point)]);

/** As `ssh-keygen -Y sign` makes it. */
function signature(): Buffer {
  const digest = createHash("sha512").update(MESSAGE).digest();
  const fields = ["git", "", "sha512"].map((text) => sshString(text));
  const signed = Buffer.concat([Buffer.from("SSHSIG"), ...fields, sshString(digest)]);
  const proof = Buffer.concat([
    sshString("ssh-ed25519"),
    sshString(sign(null, signed, privateKey)),
  ]);
  const version = Buffer.from([0, 0, 0, 1]);
  return Buffer.concat([
    Buffer.from("SSHSIG"),
    version,
    sshString(KEY),
    ...fields,
    sshString(proof),
  ]);
}
const GOOD = signature();
const armoured = (bytes: Buffer): string =>
  `-----BEGIN SSH SIGNATURE-----\n${bytes.toString("base64")}\n-----END SSH SIGNATURE-----\n`;

/** Whether it counts; malformed ones do not, and end in nothing but an Error. */
function counts(parsed: SshSignature | undefined, message = MESSAGE): boolean {
  if (parsed === undefined) return false;
  try {
    return verifySshSignature(parsed, message);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return false;
  }
}

test("a signature counts as it is, and with any byte changed, cut or added it does not", () => {
  expect(counts(parseSshSignature(armoured(GOOD)))).toBe(true);
  fc.assert(
    fc.property(fc.nat(GOOD.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(GOOD);
      changed[at] = (changed[at] ?? 0) ^ change;
      expect(counts(parseSshSignature(armoured(changed)))).toBe(false);
      expect(parseSshSignature(armoured(GOOD.subarray(0, at)))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
  expect(parseSshSignature(armoured(Buffer.concat([GOOD, Buffer.from([0])])))).toBeUndefined();
  expect(counts(parseSshSignature(armoured(GOOD)), Buffer.from("other"))).toBe(false);
});

test("any text and any bytes are a signature or none", () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
  const framed = fc
    .array(bytes, { maxLength: 6 })
    .map((parts) =>
      Buffer.concat([Buffer.from("SSHSIG\0\0\0\u0001"), ...parts.map((part) => sshString(part))]),
    );
  fc.assert(
    fc.property(fc.oneof(framed, bytes), fc.string({ unit: "binary" }), (raw, text) => {
      expect(counts(parseSshSignature(armoured(raw)))).toBe(false);
      expect(counts(parseSshSignature(text))).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test("keys of any type and content never make a signature count", () => {
  const type = fc.constantFrom(
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "__proto__",
    "constructor",
  );
  const field = fc.oneof(
    fc
      .constantFrom("nistp256", "__proto__", "constructor", "rsa-sha2-512")
      .map((it) => Buffer.from(it)),
    fc.uint8Array({ maxLength: 70 }).map((array) => Buffer.from(array)),
  );
  const fields = fc.array(field, { maxLength: 4 });
  const wire = (first: string, rest: readonly Buffer[]): Buffer =>
    Buffer.concat([sshString(first), ...rest.map((each) => sshString(each))]);
  fc.assert(
    fc.property(type, fields, type, fields, (keyType, key, algorithm, proof) => {
      let valid = false;
      try {
        valid = verifySsh(wire(keyType, key), wire(algorithm, proof), MESSAGE);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      expect(valid).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

const word = fc.oneof(
  fc.constantFrom(
    "*",
    "!*",
    "@revoked",
    "@cert-authority",
    "|1|",
    "[",
    ",",
    '"',
    "#",
    "git.example.com",
    "ssh-ed25519",
    KEY.toString("base64"),
  ),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const lines = fc
  .array(
    fc.array(word, { maxLength: 5 }).map((words) => words.join(" ")),
    { maxLength: 20 },
  )
  .map((all) => all.join("\n"));

test("any known_hosts gives one of four answers, and a key that is not in it is never known", () => {
  const stranger = Buffer.concat([sshString("ssh-ed25519"), sshString(randomBytes(32))]);
  fc.assert(
    fc.property(lines, (text) => {
      const hosts = new KnownHosts(text);
      const answer = hosts.check("git.example.com", 22, KEY);
      expect(["known", "unknown", "changed", "revoked"]).toContain(answer);
      expect(["unknown", "changed"]).toContain(hosts.check("git.example.com", 22, stranger));
      expect(["unknown", "changed"]).toContain(hosts.check("git.example.com", 22, Buffer.alloc(0)));
    }),
    { numRuns: 1_000 },
  );
  expect(
    new KnownHosts(`git.example.com ssh-ed25519 ${KEY.toString("base64")}`).check(
      "git.example.com",
      22,
      KEY,
    ),
  ).toBe("known");
});

test("any list of signers holds only keys that it names, and says which lines it cannot read", () => {
  fc.assert(
    fc.property(lines, (text) => {
      const { signers, badLines } = parseAllowedSigners(text);
      for (const signer of signers) expect(signer.publicKey).toEqual(KEY);
      for (const line of badLines) expect(text.split(/\r?\n/)[line - 1]).toMatch(/\S/);
    }),
    { numRuns: 1_000 },
  );
});

test("a line of a megabyte takes no time", () => {
  const startMs = performance.now();
  for (const piece of ['"', 'a"', "a,", "*", '="', "@", "|1|", "AAAA"])
    for (const text of [piece.repeat(300_000), `x ${piece.repeat(300_000)} ssh-ed25519 A`]) {
      parseAllowedSigners(text);
      new KnownHosts(text).check("git.example.com", 22, KEY);
    }
  expect(performance.now() - startMs).toBeLessThan(3_000);
});
