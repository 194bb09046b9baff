/** Values of Secrets that are encrypted files themselves, as Kustomize's secretGenerator makes them. */
import type { Json, JsonObject } from "../../kube/object.ts";
import { DecryptError } from "./decrypt-error.ts";
import { isEncryptedValue } from "./sops/encrypted-value.ts";

/** Turns the bytes under a key into clear ones; undefined when they are not encrypted. */
export type DecryptBytes = (name: string, bytes: Uint8Array) => Promise<Uint8Array | undefined>;

/** What Flux users write on objects that must be applied as they are. */
const OPT_OUT = "kustomize.toolkit.fluxcd.io/decrypt";

/** Whether an object asks to be left alone, by label or annotation. */
export function isLeftEncrypted(object: JsonObject): boolean {
  const metadata = asObject(object["metadata"]);
  return [metadata["annotations"], metadata["labels"]].some(
    (marks) => asObject(marks)[OPT_OUT] === "disabled",
  );
}

export function isSecret({ apiVersion, kind }: JsonObject): boolean {
  return kind === "Secret" && apiVersion === "v1";
}

/**
 * A Secret with every value that is an encrypted file decrypted.
 * @returns undefined when there was none
 * @throws DecryptError also for a value that is still encrypted and never will be read
 */
export async function decryptSecretValues(
  secret: JsonObject,
  decrypt: DecryptBytes,
): Promise<JsonObject | undefined> {
  // Without a prototype: `__proto__` may be a key of a Secret.
  const data = Object.create(null) as Record<string, Json>;
  for (const [key, value] of Object.entries(asObject(secret["data"]))) {
    if (typeof value !== "string") continue;
    refuseStray("data", key, value);
    const bytes = Buffer.from(value, "base64");
    const clear = await decrypt(key, bytes);
    if (clear !== undefined) data[key] = Buffer.from(clear).toString("base64");
    else refuseStray("data", key, bytes.toString("latin1", 0, STRAY_PREFIX_BYTES));
  }
  const stringData = Object.create(null) as Record<string, Json>;
  for (const [key, value] of Object.entries(asObject(secret["stringData"]))) {
    if (typeof value !== "string") continue;
    refuseStray("stringData", key, value);
    const clear = await decrypt(key, Buffer.from(value));
    if (clear !== undefined) stringData[key] = new TextDecoder().decode(clear);
  }
  if (Object.keys(data).length + Object.keys(stringData).length === 0) return undefined;
  return {
    ...secret,
    ...("data" in secret && { data: { ...asObject(secret["data"]), ...data } }),
    ...("stringData" in secret && {
      stringData: { ...asObject(secret["stringData"]), ...stringData },
    }),
  };
}

/** More than the start of an encrypted value. */
const STRAY_PREFIX_BYTES = 32;

/** An encrypted value without the metadata that would open it: an application would read garbage. */
function refuseStray(field: string, key: string, value: string): void {
  if (!isEncryptedValue(value)) return;
  throw new DecryptError(
    "malformed",
    `${field}.${key} is an encrypted value, but the \`sops\` block that belongs to it is missing`,
    "Restore the file as sops wrote it; it must never be applied like this.",
  );
}

function asObject(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}
