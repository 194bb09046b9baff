/** Signatures of `ssh-keygen -Y sign`, as `gpg.format = ssh` puts them into commits and tags. */
import { createHash } from "node:crypto";
import { verifySsh } from "./ssh-public-key.ts";
import { SshReader, sshString } from "./ssh-wire.ts";

const MAGIC = "SSHSIG";
const VERSION = 1;
/** What git signs as: a signature made for something else must not count for a commit. */
export const GIT_NAMESPACE = "git";

export interface SshSignature {
  readonly publicKey: Buffer;
  readonly namespace: string;
  readonly reserved: Buffer;
  readonly hash: string;
  readonly signature: Buffer;
}

/** @returns undefined for what is no such signature */
export function parseSshSignature(armoured: string): SshSignature | undefined {
  const base64 =
    /^-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*$/.exec(
      armoured,
    )?.[1];
  if (base64 === undefined) return undefined;
  try {
    const reader = new SshReader(Buffer.from(base64, "base64"));
    if (reader.take(MAGIC.length).toString("latin1") !== MAGIC) return undefined;
    if (reader.uint32() !== VERSION) return undefined;
    const [publicKey, namespace, reserved] = [reader.string(), reader.text(), reader.string()];
    const [hash, signature] = [reader.text(), reader.string()];
    return reader.isAtEnd ? { publicKey, namespace, reserved, hash, signature } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the signature is that of its own public key over a message.
 * @throws Error for kinds of keys and hashes that are not accepted
 */
export function verifySshSignature(parsed: SshSignature, message: Buffer): boolean {
  const { publicKey, namespace, reserved, hash, signature } = parsed;
  if (hash !== "sha256" && hash !== "sha512")
    throw new TypeError(`signatures by ${JSON.stringify(hash.slice(0, 20))} are not accepted`);
  const signed = Buffer.concat([
    Buffer.from(MAGIC),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(createHash(hash).update(message).digest()),
  ]);
  return verifySsh(publicKey, signature, signed);
}
