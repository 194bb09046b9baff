/** Private keys from where people keep them: a Secret as for Flux, or a file of the server. */
import { readFile } from "node:fs/promises";
import type { Secret } from "../../kube/kinds/secret.ts";
import { keyOf } from "../../kube/object.ts";
import { DecryptError } from "./decrypt-error.ts";
import type { KeyMaterial } from "./sops/private-keys.ts";

/**
 * The keys of a Secret: `*.agekey` hold age identities, `*.asc` armored OpenPGP private keys, and
 * `<name>.passphrase` the passphrase of `<name>.asc`.
 * @throws DecryptError `bad-key` when there is none
 */
export function keysOfSecret(secret: Secret): KeyMaterial {
  const texts = Object.entries(secret.data ?? {})
    .map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const byKey = new Map(texts);
  const age = texts.filter(([key]) => key.endsWith(".agekey")).map(([, text]) => text);
  const pgp = texts
    .filter(([key]) => key.endsWith(".asc"))
    .map(([key, armored]) => {
      const passphrase = byKey.get(key.replace(/asc$/, "passphrase"))?.replace(/\r?\n$/, "");
      return { armored, ...(passphrase !== undefined && { passphrase }) };
    });
  if (age.length + pgp.length > 0) return { age, pgp };
  throw new DecryptError(
    "bad-key",
    `the Secret ${keyOf(secret)} holds no key`,
    "Name its entries `<name>.agekey` (age) or `<name>.asc` (OpenPGP).",
  );
}

/**
 * The identities of an age key file, as `age-keygen` writes it.
 * @throws DecryptError `bad-key` when it cannot be read
 */
export async function keysOfFile(path: string): Promise<KeyMaterial> {
  try {
    return { age: [await readFile(path, "utf8")], pgp: [] };
  } catch {
    throw new DecryptError(
      "bad-key",
      `the age key file ${path} cannot be read`,
      "Check the path that --age-key or SOPS_AGE_KEY_FILE names, and who may read it.",
    );
  }
}
