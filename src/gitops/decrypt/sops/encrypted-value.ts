/**
 * One encrypted value of a SOPS file: AES-256-GCM, the place of the value in the file as
 * additional data, so that a value that is moved does not decrypt.
 */
import { createDecipheriv } from "node:crypto";
import { DecryptError } from "../decrypt-error.ts";

export type ClearType = "str" | "int" | "float" | "bool" | "bytes" | "time" | "comment";

export interface ClearValue {
  readonly type: ClearType;
  /** As it is hashed for the MAC; of a bool `True` or `False`. */
  readonly bytes: Buffer;
}

const TYPES: ReadonlySet<string> = new Set<ClearType>([
  "str",
  "int",
  "float",
  "bool",
  "bytes",
  "time",
  "comment",
]);
const PREFIX = "ENC[AES256_GCM,";
const FORM =
  /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]+),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:([a-z]+)\]$/;
/** What AES-GCM makes; a shorter tag would be easier to forge. */
const TAG_BYTES = 16;
/** SOPS makes 32; anything much longer is hostile. */
const MAX_IV_BYTES = 64;

/** Whether a value claims to be encrypted. */
export function isEncryptedValue(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Decrypts a value. `where` is the path of its keys, in no error but this: `data.password`.
 * @throws DecryptError `malformed`, or `tampered` when it is another key's, moved or changed
 */
export function decryptValue(
  text: string,
  dataKey: Uint8Array,
  where: readonly string[],
): ClearValue {
  return decryptWith(text, dataKey, `${where.join(":")}:`, where.join("."));
}

/** The MAC is encrypted like a value, with the time of the last change as its place. */
export function decryptMac(text: string, dataKey: Uint8Array, lastModified: string): string {
  return decryptWith(text, dataKey, lastModified, "sops.mac").bytes.toString("latin1");
}

function decryptWith(
  text: string,
  dataKey: Uint8Array,
  additionalData: string,
  shown: string,
): ClearValue {
  const [, data = "", iv = "", tag = "", type = ""] = FORM.exec(text) ?? [];
  const ivBytes = Buffer.from(iv, "base64");
  const tagBytes = Buffer.from(tag, "base64");
  if (
    !isClearType(type) ||
    tagBytes.length !== TAG_BYTES ||
    ivBytes.length === 0 ||
    ivBytes.length > MAX_IV_BYTES
  )
    throw new DecryptError(
      "malformed",
      `the encrypted value of ${shown} is not of a form that SOPS writes`,
      "Encrypt the file again with sops.",
    );
  try {
    const decipher = createDecipheriv("aes-256-gcm", dataKey, ivBytes, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(additionalData));
    decipher.setAuthTag(tagBytes);
    const bytes = Buffer.concat([decipher.update(data, "base64"), decipher.final()]);
    return { type, bytes: type === "bool" ? canonicalBool(bytes) : bytes };
  } catch {
    throw new DecryptError(
      "tampered",
      `the encrypted value of ${shown} was changed, moved or copied from another file`,
      "Restore the file from Git, or encrypt it again with sops.",
    );
  }
}

function isClearType(type: string): type is ClearType {
  return TYPES.has(type);
}

function canonicalBool(bytes: Buffer): Buffer {
  return Buffer.from(/^(1|t|true)$/i.test(bytes.toString("latin1")) ? "True" : "False");
}
