import type { Secret as UpstreamSecret } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { configKey, dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { base64OfText, textOfBase64 } from "./base64.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { base64Length, validateDataSize, validateImmutable } from "./data-keys.ts";
import { immutable, invalid, isBlank, required } from "./field-problems.ts";

export type Secret = Live<UpstreamSecret>;

const DEFAULT_TYPE = "Opaque";
const TOKEN_TYPE = "kubernetes.io/service-account-token";
const TOKEN_ANNOTATION = "kubernetes.io/service-account.name";
/** Types whose data has the given keys, all of them. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
};
const BASIC_AUTH_TYPE = "kubernetes.io/basic-auth";
/** Types whose one key holds JSON. */
const JSON_TYPES = ["kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"];
/** Stands for the value in messages: the contents of secrets are never shown. */
const REDACTED = "<secret contents redacted>";

export const secrets: Kind<Secret> = {
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  namespaced: true,
  get schema() {
    return builtinSchema("v1", "Secret");
  },
  columns: [
    nameColumn,
    textColumn("Type", "What the data is for.", ({ type }) => type ?? DEFAULT_TYPE),
    textColumn("Data", "Number of entries.", ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  selectableFields: { type: ({ type }) => type ?? "" },
  strategy: {
    validateName: dns1123Subdomain,
    prepareForUpdate: keepType,
    default: encodeStringData,
    validate: validateSecret,
    validateUpdate: (next, previous) => [
      ...immutable("type", next.type, previous.type),
      ...validateImmutable(next, previous, ["data"]),
    ],
  },
};

/** The type is immutable, so leaving it out keeps it. */
function keepType(next: Secret, previous: Secret): Secret {
  return isBlank(next.type) && previous.type !== undefined
    ? { ...next, type: previous.type }
    : next;
}

/** `stringData` is only ever written: its texts become entries of `data`. */
function encodeStringData(secret: Secret): Secret {
  const typed = isBlank(secret.type) ? { ...secret, type: DEFAULT_TYPE } : secret;
  const { stringData, ...rest } = typed;
  const texts: unknown = stringData;
  const data: unknown = rest.data ?? {};
  if (texts === undefined || !isObject(texts) || !isObject(data)) return typed;
  if (Object.values(texts).some((text) => typeof text !== "string")) return typed;
  const entries = Object.entries(texts).map(
    ([key, text]) => [key, base64OfText(String(text))] as const,
  );
  return { ...rest, data: Object.fromEntries([...Object.entries(rest.data ?? {}), ...entries]) };
}

function validateSecret({ metadata, type = DEFAULT_TYPE, data = {} }: Secret): FieldError[] {
  const errors = validateSecretKeys(data);
  let sizeBytes = 0;
  for (const text of Object.values(data)) sizeBytes += base64Length(text);
  errors.push(...validateDataSize(sizeBytes));
  if (type === TOKEN_TYPE && isBlank(metadata.annotations?.[TOKEN_ANNOTATION])) {
    errors.push(required(`metadata.annotations[${TOKEN_ANNOTATION}]`));
  }
  if (type === BASIC_AUTH_TYPE && !("username" in data) && !("password" in data)) {
    errors.push(required("data[username]"), required("data[password]"));
  }
  for (const key of requiredKeys(type)) {
    const value = data[key];
    if (value === undefined) errors.push(required(`data[${key}]`));
    else if (JSON_TYPES.includes(type) && !isJson(textOfBase64(value))) {
      errors.push(invalid(`data[${key}]`, REDACTED, "must be JSON, base64 encoded"));
    }
  }
  return errors;
}

/**
 * A line of an environment file that lacks its `=` becomes a key, secret and all: of a key that
 * cannot be one only what would stand before the value is shown.
 */
function validateSecretKeys(data: Readonly<Record<string, string>>): FieldError[] {
  return Object.keys(data).flatMap((key) => {
    const shown = `${/^([-._a-zA-Z0-9]+)[\s=:]/.exec(key)?.[1] ?? ""}…`;
    return configKey(key).map((problem) => invalid(`data[${shown}]`, REDACTED, problem));
  });
}

function requiredKeys(type: string): readonly string[] {
  return Object.hasOwn(REQUIRED_KEYS, type) ? (REQUIRED_KEYS[type] ?? []) : [];
}

function isJson(text: string | undefined): boolean {
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
