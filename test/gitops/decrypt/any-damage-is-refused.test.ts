/** Who may write to the repository, but has no key: whatever is done to an encrypted file, it is noticed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { DecryptError } from "../../../src/gitops/decrypt/decrypt-error.ts";
import { decryptorWith, fixture, ONE } from "./sops-files.ts";

const decryptor = decryptorWith(ONE);
/** The value; `refused` where it is not given. */
async function decrypted(path: string, content: Buffer): Promise<unknown> {
  try {
    const clear = await decryptor.decryptFile(path, content);
    return clear === undefined ? undefined : parse(Buffer.from(clear).toString());
  } catch (error) {
    expect(error).toBeInstanceOf(DecryptError);
    expect((error as Error).message).not.toMatch(/ENC\[|AGE-SECRET-KEY-1|hunter2|correct horse/);
    return "refused";
  }
}

/** SOPS seals values and their order; names that are in clear are anybody's to change. */
function leaves(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [JSON.stringify(value)];
  return Object.values(value).flatMap(leaves).sort();
}

test.each(["secret.yaml", "secret.json", "rules.yaml"])(
  "%s with characters changed, cut or put in gives the values that were sealed, or nothing",
  async (path) => {
    const sealed = fixture(`encrypted/${path}`);
    const clear = await decrypted(path, sealed);
    expect(clear).toBeTypeOf("object");
    const change = fc.record({
      at: fc.nat(sealed.length - 1),
      cut: fc.nat(3),
      put: fc.constantFrom("", "A", "\n", ":", "}", '"', "  ", "\u0000", "&a ", "1"),
    });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ at, cut, put }) => {
        const changed = Buffer.concat([
          sealed.subarray(0, at),
          Buffer.from(put),
          sealed.subarray(at + cut),
        ]);
        const given = await decrypted(path, changed);
        if (given === "refused") refused++;
        // Undefined: it is no encrypted file any longer, and is refused as one with encrypted values.
        else if (given !== undefined) expect(leaves(given)).toEqual(leaves(clear));
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(30);
  },
  60_000,
);

test("any bytes are no encrypted file, or refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("a.yaml", "a.json", "a.env", "a.ini", "a.txt"),
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      async (path, bytes, hasMarks) => {
        const marks = hasMarks ? "\nsops:\n  mac: ENC[AES256_GCM,x]\n  lastmodified: x\n" : "";
        const given = await decrypted(
          path,
          Buffer.concat([Buffer.from(bytes), Buffer.from(marks)]),
        );
        expect([undefined, "refused"]).toContain(given);
      },
    ),
    { numRuns: 300 },
  );
});
