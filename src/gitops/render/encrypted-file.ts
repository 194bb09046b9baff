/**
 * Manifest files that are encrypted as a whole: decrypted before they are parsed, so that the MAC is
 * checked over the file as it stands in Git. What comes of them is never cached by blob.
 */
import { DecryptError } from "../decrypt/decrypt-error.ts";
import type { Decryptor } from "../decrypt/decryptor.ts";
import { mayBeEncrypted } from "../decrypt/sops/file-format.ts";
import { type ManifestFile, readManifestFile } from "./manifest-file.ts";
import type { YamlLimits } from "./yaml/yaml-document.ts";

/** Objects that ask to be left encrypted are looked at one by one, later. */
const OPT_OUT = "kustomize.toolkit.fluxcd.io/decrypt";

/** @returns undefined when the file is not encrypted */
export async function readEncryptedFile(
  path: string,
  bytes: Uint8Array,
  decryptor: Decryptor | undefined,
  limits: YamlLimits,
): Promise<ManifestFile | undefined> {
  if (decryptor === undefined || !mayBeEncrypted(bytes)) return undefined;
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(OPT_OUT))
    return undefined;
  try {
    const clear = await decryptor.decryptFile(path, bytes);
    if (clear === undefined) return undefined;
    return { ...readManifestFile(clear, limits), confidential: true };
  } catch (error) {
    if (!(error instanceof DecryptError)) throw error;
    return undecryptable(error, bytes.byteLength);
  }
}

function undecryptable({ code, what, advice }: DecryptError, sourceBytes: number): ManifestFile {
  const start = { line: 1, column: 1 };
  return {
    objects: [],
    findings: [
      {
        severity: "error",
        rule: `decrypt/${code}`,
        message: what,
        suggestion: advice.replace(/\.$/, ""),
        ...start,
      },
    ],
    sourceBytes,
    complete: false,
    positionOf: () => start,
  };
}
