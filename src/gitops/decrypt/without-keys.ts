/** The decryptor of Applications that have no keys: it refuses what is encrypted, by name. */
import type { JsonObject } from "../../kube/object.ts";
import { DecryptError } from "./decrypt-error.ts";
import type { Decryptor } from "./decryptor.ts";
import { decryptSecretValues, isLeftEncrypted, isSecret } from "./secret-values.ts";
import { readEncrypted } from "./sops/file-format.ts";
import { parseMetadata, recipientsOf } from "./sops/sops-metadata.ts";

export const withoutKeys: Decryptor = {
  id: "none",
  decryptFile: refuse,
  decryptObject: async (object) => {
    if (isLeftEncrypted(object)) return undefined;
    const { sops } = object;
    if (typeof sops === "object" && sops !== null && "mac" in sops)
      throw notConfigured(sops as JsonObject);
    return isSecret(object) ? decryptSecretValues(object, refuse) : undefined;
  },
};

/** What is thrown inside is a rejection. */
function refuse(path: string, bytes: Uint8Array): Promise<undefined> {
  return new Promise((resolve) => {
    const found = readEncrypted(path, bytes);
    if (found !== undefined) throw notConfigured(found.document.metadata);
    resolve(undefined);
  });
}

function notConfigured(metadata: JsonObject): DecryptError {
  return new DecryptError(
    "not-configured",
    `it is encrypted with SOPS for ${recipientsOf(parseMetadata(metadata))}, and no key is configured`,
    "Set spec.decryption {provider: sops, secretRef: {name: …}} to a Secret with the private key (`*.agekey` or `*.asc`), or start the server with --age-key FILE.",
  );
}
