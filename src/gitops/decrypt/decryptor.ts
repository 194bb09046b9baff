/**
 * Turns encrypted files and objects into what they hold, in memory only: clear text is never part
 * of a cache key, a log line, an error or a file. Rendering calls it; `sops/` implements it.
 */
import type { JsonObject } from "../../kube/object.ts";

export interface Decryptor {
  /**
   * Tells one set of keys from another without revealing them: what one Application may decrypt
   * must not be found in a cache by another. Part of cache keys.
   */
  readonly id: string;
  /**
   * The content of a file; the format follows from the name, as it does for `sops`.
   * @returns undefined when it is not encrypted
   * @throws DecryptError
   */
  decryptFile(path: string, bytes: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * A whole encrypted document, already parsed (`sops:` at its top), or a Secret with values that
   * are encrypted files (what Kustomize's secretGenerator makes). Call it with every object: it also
   * refuses a Secret with encrypted values that nothing can open.
   * @returns undefined when there was nothing to decrypt
   * @throws DecryptError
   */
  decryptObject(object: JsonObject): Promise<JsonObject | undefined>;
}
