/** What a kind of private keys can do, and how keys are given. */
import type { WrappedKey } from "./sops-metadata.ts";

/** Keys of one kind. */
export interface PrivateKeys {
  /** Their public names: recipients, fingerprints. */
  readonly names: readonly string[];
  /** @returns undefined when it was not encrypted for any of these keys */
  unwrap(key: WrappedKey): Promise<Uint8Array | undefined>;
}

/** Key material as a Secret or a file holds it. */
export interface KeyMaterial {
  /** Texts with one or more `AGE-SECRET-KEY-…` lines. */
  readonly age: readonly string[];
  /** Armored private keys. */
  readonly pgp: readonly { readonly armored: string; readonly passphrase?: string }[];
}
