/** Why something encrypted could not be read. Stable: shown in findings and matched by callers. */
export type DecryptErrorCode =
  /** Encrypted, but the Application says nothing of decryption and the server has no key. */
  | "not-configured"
  /** None of the keys at hand is one that it was encrypted for. */
  | "no-key"
  /** Encrypted for keys of a service that is never asked (cloud KMS, Vault). */
  | "unsupported-key"
  /** The key Secret is missing or holds something else than keys. */
  | "bad-key"
  /** It was changed after it was encrypted. */
  | "tampered"
  /** It claims to be encrypted, but is not well formed. */
  | "malformed"
  | "too-large"
  /** A reference that may not be followed here. */
  | "reference-refused"
  /** What a reference names is not there. */
  | "reference-missing";

/**
 * Something encrypted could not be read: what happened, and what to do about it. Holds names of
 * keys (recipients, fingerprints) and paths of fields, never a value, encrypted or not.
 */
export class DecryptError extends Error {
  override readonly name = "DecryptError";
  readonly code: DecryptErrorCode;
  /** What happened, without the place. */
  readonly what: string;
  /** What a person can do: a full sentence. */
  readonly advice: string;

  constructor(code: DecryptErrorCode, what: string, advice: string) {
    super(`${what}. ${advice}`);
    this.code = code;
    this.what = what;
    this.advice = advice;
  }
}
