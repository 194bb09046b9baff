/** Which format an encrypted file has: by its name, as `sops` does, or by what is in it. */
import { DecryptError } from "../decrypt-error.ts";
import type { EncryptedDocument } from "./encrypted-document.ts";
import { readJson } from "./json-document.ts";
import { readDotenv, readIni } from "./line-documents.ts";
import { malformed } from "./sops-metadata.ts";
import { readYaml } from "./yaml-document.ts";

/** What Flux takes; a Secret holds 1 MiB. */
export const MAX_ENCRYPTED_BYTES = 5 * 1024 * 1024;

export type SopsFormat = "yaml" | "json" | "dotenv" | "ini" | "binary";

export interface EncryptedFile {
  readonly format: SopsFormat;
  readonly document: EncryptedDocument;
}

/** Any encrypted file has an encrypted MAC. */
const MARK = Buffer.from("ENC[AES256_GCM,");
const BLOCK = Buffer.from("sops");

/** Whether a file may be encrypted: cheap, and never wrong about a file that is. */
export function mayBeEncrypted(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.includes(MARK) && buffer.includes(BLOCK);
}

/**
 * Reads a file that may be encrypted.
 * @returns undefined when it is not
 * @throws DecryptError `malformed` or `too-large`
 */
export function readEncrypted(path: string, bytes: Uint8Array): EncryptedFile | undefined {
  if (!mayBeEncrypted(bytes)) return undefined;
  if (bytes.byteLength > MAX_ENCRYPTED_BYTES)
    throw new DecryptError(
      "too-large",
      `it has ${bytes.byteLength} bytes, more than the limit of ${MAX_ENCRYPTED_BYTES} for encrypted files`,
      "Split it.",
    );
  const text = decode(bytes);
  if (text === undefined) return undefined;
  const format = formatOf(path);
  if (format !== undefined) {
    const document = READERS[format](text);
    return document === undefined ? undefined : { format, document };
  }
  for (const guess of ["json", "dotenv", "ini", "yaml"] as const) {
    const document = guessed(guess, text);
    if (document !== undefined)
      return { format: guess === "json" && isWrapped(document) ? "binary" : guess, document };
  }
  return undefined;
}

/** Whether the file was a sequence of bytes for SOPS, which holds them under `data`. */
export function isBinary({ format }: EncryptedFile): boolean {
  return format === "binary";
}

const READERS: Readonly<
  Record<Exclude<SopsFormat, "binary">, (text: string) => EncryptedDocument | undefined>
> = { yaml: readYaml, json: readJson, dotenv: readDotenv, ini: readIni };

function formatOf(path: string): Exclude<SopsFormat, "binary"> | undefined {
  const extension = /\.([a-z]+)$/.exec(path)?.[1] ?? "";
  if (extension === "yaml" || extension === "yml") return "yaml";
  if (extension === "json" || extension === "ini") return extension;
  return extension === "env" ? "dotenv" : undefined;
}

function guessed(
  format: Exclude<SopsFormat, "binary">,
  text: string,
): EncryptedDocument | undefined {
  try {
    const document = READERS[format](text);
    // A line of one format may look like metadata of another.
    return typeof document?.metadata["mac"] === "string" ? document : undefined;
  } catch (error) {
    if (error instanceof DecryptError) return undefined;
    throw error;
  }
}

function isWrapped({ leaves }: EncryptedDocument): boolean {
  return leaves.every(({ path }) => path.length === 1 && path[0] === "data");
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    if (bytes.includes(0)) return undefined;
    throw malformed("it is no UTF-8 text");
  }
}
