/** OpenPGP signatures, by an optional library that is loaded when the first one is checked. */
import type * as OpenPgp from "openpgp";
import { SourceError } from "../source-error.ts";

export interface OpenPgpVerdict {
  /** Who signed: user id and fingerprint. */
  readonly signer: string | undefined;
  /** Why the signature does not count. */
  readonly problem: string | undefined;
}

export type LoadOpenPgp = () => Promise<typeof OpenPgp>;

/** A keyring of a team. */
const MAX_KEYS = 1_000;

/**
 * @throws SourceError `unsupported` where the library is not installed, `bad-credential` for keys
 * that cannot be read
 */
export async function verifyOpenPgp(
  signed: { readonly payload: Buffer; readonly signature: string },
  armouredKeys: readonly string[],
  { nowMs, where, load }: { nowMs: number; where: string; load: LoadOpenPgp },
): Promise<OpenPgpVerdict> {
  const pgp = await loaded(load, where);
  const verificationKeys = await readKeys(pgp, armouredKeys, where);
  let signature: OpenPgp.Signature;
  try {
    signature = await pgp.readSignature({ armoredSignature: signed.signature });
  } catch {
    return { signer: undefined, problem: "the OpenPGP signature is malformed" };
  }
  const message = await pgp.createMessage({ binary: new Uint8Array(signed.payload) });
  const date = new Date(nowMs);
  const { signatures } = await pgp.verify({ message, signature, verificationKeys, date });
  let problem = "it holds no OpenPGP signature";
  for (const one of signatures) {
    const key = verificationKeys.find((candidate) => candidate.getKeys(one.keyID).length > 0);
    if (key === undefined) {
      problem = `the OpenPGP key ${one.keyID.toHex().toUpperCase()} is not among the allowed ones`;
      continue;
    }
    const signer = `${key.getUserIDs()[0] ?? "unnamed"} (${key.getFingerprint().toUpperCase()})`;
    const keyProblem = await problemOf(key, one.keyID, date);
    if (keyProblem !== undefined) {
      problem = `the OpenPGP key of ${signer} ${keyProblem}`;
      continue;
    }
    try {
      await one.verified;
      return { signer, problem: undefined };
    } catch {
      problem = `the OpenPGP signature of ${signer} does not fit the content`;
    }
  }
  return { signer: undefined, problem };
}

/** Judged now, not when the signature claims to have been made: that date is the signer's word. */
async function problemOf(
  key: OpenPgp.Key,
  keyId: OpenPgp.KeyID,
  date: Date,
): Promise<string | undefined> {
  const isSubkey = !key.getKeyID().equals(keyId);
  try {
    if (await key.isRevoked(undefined, undefined, date)) return "is revoked";
    for (const subkey of isSubkey ? key.getSubkeys(keyId) : [])
      if (await subkey.isRevoked(undefined as never, undefined as never, date)) return "is revoked";
    const expires = await key.getExpirationTime();
    if (expires !== null && Number(expires) <= date.getTime()) return "is expired";
    for (const subkey of isSubkey ? key.getSubkeys(keyId) : []) {
      const ends = await subkey.getExpirationTime(date);
      if (ends !== null && Number(ends) <= date.getTime()) return "is expired";
    }
  } catch {
    return "cannot be used";
  }
  return undefined;
}

async function readKeys(
  pgp: typeof OpenPgp,
  armouredKeys: readonly string[],
  where: string,
): Promise<OpenPgp.Key[]> {
  const keys: OpenPgp.Key[] = [];
  try {
    for (const armored of armouredKeys)
      for (const block of armored.match(
        /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g,
      ) ?? [])
        keys.push(...(await pgp.readKeys({ armoredKeys: block })));
  } catch {
    throw unreadableKeys(where, "cannot be read");
  }
  if (keys.length > MAX_KEYS) throw unreadableKeys(where, `are more than ${MAX_KEYS}`);
  return keys;
}

function unreadableKeys(where: string, problem: string): SourceError {
  return new SourceError("bad-credential", {
    what: `the OpenPGP keys that commits are checked with ${problem}`,
    where,
    advice: "Put public keys into the Secret as gpg --export --armor writes them.",
  });
}

async function loaded(load: LoadOpenPgp, where: string): Promise<typeof OpenPgp> {
  try {
    return await load();
  } catch (error) {
    throw new SourceError("unsupported", {
      what: "OpenPGP signatures cannot be checked: the optional library openpgp is not installed",
      where,
      advice: "Install it beside Gantry (npm install openpgp), or sign with SSH keys.",
      cause: error,
    });
  }
}
