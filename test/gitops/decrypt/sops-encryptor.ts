/**
 * Encrypts a YAML document as the documentation of SOPS says, written without looking at how we
 * decrypt: each value by AES-256-GCM with its path as additional data, a MAC over all values.
 */
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { armor, Encrypter } from "age-encryption";
import { stringify } from "yaml";

export interface EncryptOptions {
  /** `age1…` */
  readonly recipient: string;
  /** Keys at or above values to encrypt. @default all */
  readonly under?: RegExp;
}

export async function encryptYaml(
  document: Readonly<Record<string, unknown>>,
  { recipient, under = /./ }: EncryptOptions,
): Promise<string> {
  const key = randomBytes(32);
  const mac = createHash("sha512");
  const encrypted = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => encrypted(item, path));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([name, each]) => [name, encrypted(each, [...path, name])]),
      );
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      return value;
    const text = typeof value === "boolean" ? (value ? "True" : "False") : String(value);
    mac.update(text);
    if (text === "" || !path.some((name) => under.test(name))) return value;
    const types: Record<string, string> = { string: "str", boolean: "bool", number: "int" };
    return seal(text, key, `${path.join(":")}:`, types[typeof value] ?? "str");
  };
  const body = encrypted(document, []) as Record<string, unknown>;
  const lastmodified = "2026-01-02T03:04:05Z";
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const sops = {
    age: [{ recipient, enc: armor.encode(await encrypter.encrypt(key)) }],
    lastmodified,
    mac: seal(mac.digest("hex").toUpperCase(), key, lastmodified, "str"),
    version: "3.9.0",
  };
  return stringify({ ...body, sops }, { lineWidth: 0 });
}

function seal(text: string, key: Buffer, additionalData: string, type: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(additionalData));
  const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const parts = [data, iv, cipher.getAuthTag()].map((part) => part.toString("base64"));
  return `ENC[AES256_GCM,data:${parts[0]},iv:${parts[1]},tag:${parts[2]},type:${type}]`;
}
