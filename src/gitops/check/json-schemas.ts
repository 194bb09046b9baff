/**
 * JSON Schemas that users bring for kinds that nobody else defines: files or https URLs, named by
 * templates in kubeconform's syntax (`schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`).
 */
import { readFile } from "node:fs/promises";
import { Ajv, type ErrorObject } from "ajv";
import formatsPlugin from "ajv-formats";
import type { FieldError, FieldErrorReason } from "../../kube/field-error.ts";
import { type KubeObject, parseApiVersion } from "../../kube/object.ts";
import { systemErrorCode } from "../source/source-error.ts";

/** Checks one object; the problems' paths are Kubernetes field paths. */
export type JsonSchemaCheck = (object: KubeObject) => FieldError[];
export interface KindRef {
  readonly apiVersion: string;
  readonly kind: string;
}
export interface JsonSchemaOptions {
  /** Tried in order. `default` stands for the built-in schemas, which come first anyway. */
  readonly locations: readonly string[];
  readonly kubernetesVersion: string;
  readonly strict: boolean;
}

/** A location cannot be used: says which and why. */
export class SchemaLocationError extends Error {
  override readonly name = "SchemaLocationError";
}

/** Where a location names a folder, the layout of kubeconform's own schemas is meant. */
const STANDARD_LAYOUT =
  "/{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json";
/** The largest schema of a well-known operator is 2 MB. */
const MAX_SCHEMA_BYTES = 16 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 15_000;
const REASONS: Readonly<Record<string, FieldErrorReason>> = {
  required: "FieldValueRequired",
  type: "FieldValueTypeInvalid",
  enum: "FieldValueNotSupported",
  additionalProperties: "FieldValueForbidden",
};

export const kindKey = ({ apiVersion, kind }: KindRef): string => `${apiVersion} ${kind}`;

/** The checks that were found, by {@link kindKey}. @throws SchemaLocationError */
export async function loadJsonSchemas(
  kinds: readonly KindRef[],
  options: JsonSchemaOptions,
): Promise<Map<string, JsonSchemaCheck>> {
  const found = new Map<string, JsonSchemaCheck>();
  const locations = options.locations.filter((location) => location !== "default");
  for (const kind of kinds) {
    for (const location of locations) {
      const address = fillTemplate(location, kind, options);
      const text = await readSchema(address);
      if (text === undefined) continue;
      found.set(kindKey(kind), compile(address, text));
      break;
    }
  }
  return found;
}

/** The file or URL that a location means for a kind. @throws SchemaLocationError */
export function fillTemplate(
  location: string,
  kind: KindRef,
  { kubernetesVersion, strict }: Pick<JsonSchemaOptions, "kubernetesVersion" | "strict">,
): string {
  const { group, version } = parseApiVersion(kind.apiVersion);
  const firstLabel = group.split(".")[0] ?? "";
  const isMaster = kubernetesVersion === "master";
  const values: Readonly<Record<string, string>> = {
    Group: group,
    ResourceKind: kind.kind.toLowerCase(),
    ResourceAPIVersion: version,
    KindSuffix: `-${group === "" ? version : `${firstLabel}-${version}`}`.toLowerCase(),
    StrictSuffix: strict ? "-strict" : "",
    NormalizedKubernetesVersion: isMaster ? "master" : `v${withPatch(kubernetesVersion)}`,
  };
  const template = location.endsWith("json")
    ? location
    : location.replace(/\/+$/, "") + STANDARD_LAYOUT;
  return template.replace(/\{\{\s*\.?(\w+)\s*\}\}/g, (text, name: string) => {
    const value = values[name];
    if (value !== undefined) return value;
    const known = Object.keys(values).join(", ");
    throw new SchemaLocationError(
      `--schema-location ${location}: unknown variable ${text}; there are: ${known}`,
    );
  });
}

const withPatch = (version: string): string => {
  const plain = version.replace(/^v/, "");
  return /^\d+\.\d+$/.test(plain) ? `${plain}.0` : plain;
};

/** Undefined when there is no such file: the next location may have one. */
async function readSchema(address: string): Promise<string | undefined> {
  if (/^https?:/i.test(address)) return fetchSchema(address);
  try {
    return await readFile(address, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SchemaLocationError(`${address}: ${(error as Error).message}`, { cause: error });
  }
}

async function fetchSchema(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    for await (const piece of response.body ?? []) {
      sizeBytes += piece.length;
      if (sizeBytes > MAX_SCHEMA_BYTES)
        throw new Error(`it is larger than ${MAX_SCHEMA_BYTES} bytes`);
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces).toString("utf8");
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SchemaLocationError(`${url} cannot be read: ${message}`, { cause: error });
  }
}

function compile(address: string, text: string): JsonSchemaCheck {
  try {
    const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    formatsPlugin(ajv);
    const validate = ajv.compile(JSON.parse(text) as object);
    return (object) => {
      validate(object);
      return (validate.errors ?? []).map(toFieldError);
    };
  } catch (error) {
    throw new SchemaLocationError(`${address} is no JSON Schema: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function toFieldError({ instancePath, keyword, params, message = "" }: ErrorObject): FieldError {
  const path = fieldPath(instancePath);
  const { missingProperty, additionalProperty } = params as Record<string, unknown>;
  const name = missingProperty ?? additionalProperty;
  const field = typeof name === "string" ? (path === "" ? name : `${path}.${name}`) : path;
  const detail =
    typeof missingProperty === "string"
      ? ""
      : typeof additionalProperty === "string"
        ? "the schema has no such field"
        : message;
  return { reason: REASONS[keyword] ?? "FieldValueInvalid", field, detail };
}

/** `/spec/containers/0/name` as Kubernetes writes it. */
function fieldPath(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((token) => (/^\d+$/.test(token) ? `[${token}]` : `.${token}`))
    .join("")
    .replace(/^\./, "");
}
