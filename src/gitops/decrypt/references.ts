/**
 * Values of Secrets that are kept outside of Git: `ref+file://NAME[#key]` names a file in the
 * directory that `--secret-files` allows, `ref+env://NAME` a variable with the prefix that
 * `--secret-env` allows. Read anew at every look, held in memory only; nobody can name anything else.
 */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { parse } from "yaml";
import type { Json, JsonObject } from "../../kube/object.ts";
import { splitPath } from "../source/tree-path.ts";
import { DecryptError } from "./decrypt-error.ts";
import { isSecret } from "./secret-values.ts";

export interface SecretReferences {
  /**
   * A Secret with the values that its references name, all of them in `data`; any other object,
   * and a Secret without references, as it is. Not to be cached: files change without a commit.
   * @throws DecryptError `reference-refused`, `reference-missing` or `too-large`; never with a value
   */
  resolve<T extends JsonObject>(object: T): Promise<T>;
}

export interface SecretReferencesOptions {
  /** Files below this directory may be named. @default none */
  readonly filesDir?: string;
  /** Variables whose names begin with this may be named. @default none */
  readonly envPrefix?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A Secret cannot hold more. */
const MAX_FILE_BYTES = 1024 * 1024;
const SCHEME = /^ref\+(file|env):\/\//;

/** With no options, every reference is refused: an application must not get the reference itself. */
export function secretReferences(options: SecretReferencesOptions = {}): SecretReferences {
  return {
    resolve: async (object) => {
      if (!isSecret(object)) return object;
      const resolved = Object.create(null) as Record<string, string>;
      for (const { field, key, text } of referencesIn(object))
        resolved[key] = (await valueOf(text, `${field}.${key}`, options)).toString("base64");
      if (Object.keys(resolved).length === 0) return object;
      const rest = without(asObject(object["stringData"]), resolved);
      return {
        ...object,
        data: { ...asObject(object["data"]), ...resolved },
        ...("stringData" in object && { stringData: rest }),
      };
    },
  };
}

interface Reference {
  readonly field: "data" | "stringData";
  readonly key: string;
  readonly text: string;
}

/** `stringData` last: it wins over `data`, as in the API. */
function referencesIn(secret: JsonObject): Reference[] {
  const found: Reference[] = [];
  for (const field of ["data", "stringData"] as const)
    for (const [key, value] of Object.entries(asObject(secret[field]))) {
      if (typeof value !== "string") continue;
      const text = field === "data" ? Buffer.from(value, "base64").toString("utf8") : value;
      if (SCHEME.test(text)) found.push({ field, key, text: text.trim() });
    }
  return found;
}

async function valueOf(
  text: string,
  where: string,
  options: SecretReferencesOptions,
): Promise<Buffer> {
  const scheme = SCHEME.exec(text)?.[1];
  const name = text.replace(SCHEME, "");
  return scheme === "env" ? variable(name, where, options) : file(name, where, options);
}

function variable(
  name: string,
  where: string,
  { envPrefix, env = process.env }: SecretReferencesOptions,
): Buffer {
  if (envPrefix === undefined || envPrefix === "")
    throw refused(
      where,
      "variables may not be referred to",
      "Start the server with --secret-env PREFIX.",
    );
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !name.startsWith(envPrefix))
    throw refused(
      where,
      `the name of the variable does not begin with ${envPrefix}`,
      `Name a variable that does: ref+env://${envPrefix}NAME.`,
    );
  const value = env[name];
  if (value !== undefined) return Buffer.from(value);
  throw missing(where, `the server has no variable ${name}`, "Set it and restart the server.");
}

async function file(
  reference: string,
  where: string,
  { filesDir }: SecretReferencesOptions,
): Promise<Buffer> {
  if (filesDir === undefined)
    throw refused(
      where,
      "files may not be referred to",
      "Start the server with --secret-files DIR.",
    );
  const hash = reference.indexOf("#");
  const name = hash < 0 ? reference : reference.slice(0, hash);
  const path = splitPath(name);
  if (path === undefined || path.length === 0)
    throw refused(where, "the name of the file leaves the directory of secrets", RELATIVE);
  const content = await read(filesDir, path, where);
  return hash < 0 ? content : Buffer.from(member(content, reference.slice(hash + 1), where));
}

const RELATIVE =
  "Name a file below the directory of --secret-files, e.g. ref+file://team/password.";

async function read(filesDir: string, path: readonly string[], where: string): Promise<Buffer> {
  const shown = path.join("/");
  const gone = (): DecryptError =>
    missing(where, `the directory of secrets has no readable file ${shown}`, "Put it there.");
  let real: string;
  let root: string;
  try {
    root = await realpath(filesDir);
    real = await realpath(join(root, ...path));
  } catch {
    throw gone();
  }
  if (!real.startsWith(root + sep))
    throw refused(where, `the file ${shown} is a link out of the directory of secrets`, RELATIVE);
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    // A pipe must not block, a link that just took the file's place must not be followed.
    handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    throw gone();
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw refused(where, `${shown} is no regular file`, RELATIVE);
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) return Buffer.from(buffer.subarray(0, length));
      length += bytesRead;
      if (length > MAX_FILE_BYTES)
        throw new DecryptError(
          "too-large",
          `${where} refers to a file of more than ${MAX_FILE_BYTES} bytes`,
          "A Secret holds at most 1 MiB.",
        );
    }
  } finally {
    await handle.close();
  }
}

/** `key`, or `/a/b` for nested ones, of a JSON or YAML file. */
function member(content: Buffer, pointer: string, where: string): string {
  const names = pointer.startsWith("/") ? pointer.slice(1).split("/") : [pointer];
  let value: unknown;
  try {
    value = parse(content.toString("utf8"), { maxAliasCount: 0, logLevel: "silent" });
  } catch {
    throw missing(where, "the file is neither JSON nor YAML, so it has no keys", "Leave out #key.");
  }
  for (const name of names)
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw missing(
    where,
    `the file has no value under ${JSON.stringify(pointer)}`,
    "Correct the key.",
  );
}

function without(values: JsonObject, dropped: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !Object.hasOwn(dropped, key)));
}

function asObject(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function refused(where: string, why: string, advice: string): DecryptError {
  return new DecryptError("reference-refused", `${where} is a reference, but ${why}`, advice);
}

function missing(where: string, why: string, advice: string): DecryptError {
  return new DecryptError("reference-missing", `${where} is a reference, but ${why}`, advice);
}
