/** Data keys that were encrypted for OpenPGP keys. The library is optional and loaded when needed. */
import { DecryptError } from "../decrypt-error.ts";
import type { KeyMaterial, PrivateKeys } from "./private-keys.ts";

/** Each is parsed and unlocked. */
const MAX_KEYS = 50;

/**
 * @param from where they come from, for errors
 * @throws DecryptError `bad-key`
 */
export async function openPgpKeys(keys: KeyMaterial["pgp"], from: string): Promise<PrivateKeys> {
  if (keys.length === 0) return { names: [], unwrap: () => Promise.resolve(undefined) };
  if (keys.length > MAX_KEYS) throw badKey(`${from} holds more than ${MAX_KEYS} OpenPGP keys`);
  const openpgp = await load();
  const unlocked: Awaited<ReturnType<typeof openpgp.readPrivateKey>>[] = [];
  for (const { armored, passphrase } of keys)
    try {
      for (const key of await openpgp.readPrivateKeys({ armoredKeys: armored }))
        unlocked.push(
          passphrase === undefined || key.isDecrypted()
            ? key
            : await openpgp.decryptKey({ privateKey: key, passphrase }),
        );
    } catch {
      throw badKey(
        `an OpenPGP key in ${from} is no armored private key, or its passphrase is wrong`,
      );
    }
  const locked = unlocked.find((key) => !key.isDecrypted());
  if (locked !== undefined)
    throw badKey(
      `the OpenPGP key ${locked.getFingerprint().toUpperCase()} in ${from} is locked by a passphrase`,
      "Put the passphrase beside it, as `<name>.passphrase` for `<name>.asc`.",
    );
  return {
    names: unlocked.map((key) => key.getFingerprint().toUpperCase()),
    unwrap: async ({ enc }) => {
      try {
        const message = await openpgp.readMessage({ armoredMessage: enc });
        const decrypted: { readonly data: unknown } = await openpgp.decrypt({
          message,
          decryptionKeys: unlocked,
          format: "binary",
        });
        return decrypted.data instanceof Uint8Array ? decrypted.data : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

async function load(): Promise<typeof import("openpgp")> {
  try {
    return await import("openpgp");
  } catch {
    throw new DecryptError(
      "unsupported-key",
      "OpenPGP keys need the package openpgp, which is not installed",
      "Install it with `npm install openpgp`, or use age keys.",
    );
  }
}

function badKey(
  what: string,
  advice = "Put the output of `gpg --export-secret-keys --armor KEY` there.",
): DecryptError {
  return new DecryptError("bad-key", what, advice);
}
