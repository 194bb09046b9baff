/** The keys of a Secret, by which signatures are checked. */
import { type AllowedSigner, parseAllowedSigners } from "./allowed-signers.ts";

export interface SigningKeys {
  /** Changes when the keys do. */
  readonly id: string;
  readonly openPgp: readonly string[];
  readonly ssh: readonly AllowedSigner[];
  readonly revoked: readonly AllowedSigner[];
  /** What of the Secret cannot be read: `team.pub line 3`. */
  readonly unreadable: readonly string[];
}

/** Public keys under this name are refused whatever else allows them. */
const REVOKED_KEY = /^revoked[_-]?keys$/i;

/**
 * Reads every entry of a Secret: armoured OpenPGP keys, or SSH keys one a line (`*.pub`, or git's
 * allowed signers). The key `revoked_keys` names SSH keys that count no more.
 */
export function signingKeysOf(id: string, data: Readonly<Record<string, string>>): SigningKeys {
  const openPgp: string[] = [];
  const ssh: AllowedSigner[] = [];
  const revoked: AllowedSigner[] = [];
  const unreadable: string[] = [];
  for (const [name, text] of Object.entries(data)) {
    if (text.includes("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
      openPgp.push(text);
      continue;
    }
    const { signers, badLines } = parseAllowedSigners(text);
    (REVOKED_KEY.test(name) ? revoked : ssh).push(...signers);
    unreadable.push(...badLines.map((line) => `${name} line ${line}`));
  }
  return { id, openPgp, ssh, revoked, unreadable };
}
