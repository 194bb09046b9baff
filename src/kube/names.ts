/**
 * Rules for names, from RFC 1035, RFC 1123 and the Kubernetes API conventions
 * (k8s.io/apimachinery/pkg/util/validation). Each rule returns what is wrong, or nothing.
 */

const DNS1123_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS1035_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const DNS1123_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const PORT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** RFC 7230 field names are wider; upstream accepts these. */
const HTTP_HEADER_NAME = /^[-A-Za-z0-9]+$/;
/** Printable ASCII without `=`, as upstream relaxed it (KEP-4369, stable in 1.34). */
const ENV_VAR_NAME = /^[ -<>-~]+$/;

const LABEL_MAX_LENGTH = 63;
const SUBDOMAIN_MAX_LENGTH = 253;
/** RFC 6335 §5.1. */
const PORT_NAME_MAX_LENGTH = 15;

/** The label `web-1`: most names of at most 63 characters. */
export function dns1123Label(value: string): string[] {
  return check(
    value,
    LABEL_MAX_LENGTH,
    DNS1123_LABEL,
    "must be lower-case letters, digits and '-', starting and ending with a letter or digit (RFC 1123 label, e.g. 'my-name')",
  );
}

/** As {@link dns1123Label}, starting with a letter. */
export function dns1035Label(value: string): string[] {
  return check(
    value,
    LABEL_MAX_LENGTH,
    DNS1035_LABEL,
    "must be lower-case letters, digits and '-', starting with a letter and ending with a letter or digit (RFC 1035 label, e.g. 'my-name')",
  );
}

/** Labels joined by dots: the rule for most object names. */
export function dns1123Subdomain(value: string): string[] {
  return check(
    value,
    SUBDOMAIN_MAX_LENGTH,
    DNS1123_SUBDOMAIN,
    "must be lower-case letters, digits, '-' and '.', each part starting and ending with a letter or digit (RFC 1123 subdomain, e.g. 'my.example')",
  );
}

/** `name` or `prefix/name`: label keys, annotation keys, finalizers, resource names. */
export function qualifiedName(value: string): string[] {
  const parts = value.split("/");
  if (parts.length > 2) return ["must be a name with at most one prefix, as in 'example.com/name'"];
  const [prefix, name] = parts.length === 2 ? parts : [undefined, parts[0]];
  const errors: string[] = [];
  if (prefix === "") errors.push("prefix part must not be empty");
  else if (prefix !== undefined) {
    errors.push(...dns1123Subdomain(prefix).map((detail) => `prefix part ${detail}`));
  }
  if (name === undefined || name === "") return [...errors, "name part must not be empty"];
  const problems = check(
    name,
    LABEL_MAX_LENGTH,
    QUALIFIED_NAME,
    "must be letters, digits, '-', '_' and '.', starting and ending with a letter or digit (e.g. 'my.name' or 'example.com/my-name')",
  );
  return [...errors, ...problems.map((detail) => `name part ${detail}`)];
}

/** A qualified name with a prefix. */
export function domainQualifiedName(value: string): string[] {
  return value.includes("/")
    ? qualifiedName(value)
    : ["must have a domain prefix, as in 'example.com/name'"];
}

export function labelValue(value: string): string[] {
  if (value === "") return [];
  return check(
    value,
    LABEL_MAX_LENGTH,
    QUALIFIED_NAME,
    "must be empty or letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
  );
}

/** Any name that can stand in a URL path: RBAC and other names that are not DNS names. */
export function pathSegment(value: string): string[] {
  if (value === "." || value === "..") return [`must not be '${value}'`];
  return ["/", "%"]
    .filter((sign) => value.includes(sign))
    .map((sign) => `must not contain '${sign}'`);
}

/** Keys of ConfigMaps and Secrets: they become file names. */
export function configKey(value: string): string[] {
  if (value === ".") return ["must not be '.'"];
  if (value.startsWith("..")) return ["must not start with '..'"];
  return check(
    value,
    SUBDOMAIN_MAX_LENGTH,
    CONFIG_KEY,
    "must be letters, digits, '-', '_' and '.' (e.g. 'app.conf')",
  );
}

/** Names of container ports (IANA service names, RFC 6335 §5.1). */
export function portName(value: string): string[] {
  const errors = check(
    value,
    PORT_NAME_MAX_LENGTH,
    PORT_NAME,
    "must be lower-case letters, digits and '-', starting and ending with a letter or digit",
  );
  if (!/[a-z]/.test(value)) errors.push("must contain at least one letter (a-z)");
  if (value.includes("--")) errors.push("must not contain consecutive hyphens");
  return errors;
}

export function envVarName(value: string): string[] {
  return ENV_VAR_NAME.test(value) ? [] : ["must be printable ASCII characters other than '='"];
}

export function httpHeaderName(value: string): string[] {
  return HTTP_HEADER_NAME.test(value) ? [] : ["must be letters, digits and '-' (e.g. 'X-Header')"];
}

export function portNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65_535
    ? []
    : ["must be between 1 and 65535, inclusive"];
}

/**
 * How a `generateName` is checked as a name: the generated suffix may follow a trailing dash.
 * `web-` is checked as `weba`.
 */
export function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith("-") ? `${prefix.slice(0, -1)}a` : prefix;
}

/** No vowels, so no words; no characters that look alike. */
export const SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const GENERATED_SUFFIX_LENGTH = 5;
/** So that the whole name is a valid label. */
const MAX_GENERATED_PREFIX_LENGTH = LABEL_MAX_LENGTH - GENERATED_SUFFIX_LENGTH;

/** A name for `generateName`. `random` yields numbers in [0, 1), e.g. `Math.random`. */
export function generatedName(prefix: string, random: () => number): string {
  let name = prefix.slice(0, MAX_GENERATED_PREFIX_LENGTH);
  for (let count = 0; count < GENERATED_SUFFIX_LENGTH; count++) {
    name += SAFE_ALPHABET.charAt(Math.floor(random() * SAFE_ALPHABET.length));
  }
  return name;
}

function check(value: string, maxLength: number, pattern: RegExp, rule: string): string[] {
  const errors: string[] = [];
  if (value.length > maxLength) errors.push(`must be no more than ${maxLength} characters`);
  if (!pattern.test(value)) errors.push(rule);
  return errors;
}
