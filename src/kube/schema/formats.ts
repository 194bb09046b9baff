/**
 * The formats that Kubernetes checks: those of Go's integers and marshalled types for built-in
 * kinds, and those that structural schemas list as supported for custom ones
 * (k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go). Others are ignored.
 */
export interface FormatCheck {
  /** Whether the value, of the schema's type already, has the format. */
  readonly test: (value: string | number) => boolean;
  /** How to say what was expected: `must be a valid RFC 3339 date-time`. */
  readonly detail: string;
  /** The values are not to be shown, e.g. the data of a Secret. */
  readonly secret?: boolean;
}

const text =
  (test: (value: string) => boolean) =>
  (value: string | number): boolean =>
    typeof value === "string" && test(value);
const matches = (pattern: RegExp) => text((value) => pattern.test(value));
const wholeBetween = (least: number, most: number) => (value: string | number) =>
  typeof value === "number" && value >= least && value <= most;

const QUANTITY = /^[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

function isDate(value: string): boolean {
  const match = DATE.exec(value);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number);
  const date = new Date(`${value}T00:00:00Z`);
  return (
    date.getUTCFullYear() === year && date.getUTCMonth() + 1 === month && date.getUTCDate() === day
  );
}

function isDateTime(value: string): boolean {
  const match = DATE_TIME.exec(value);
  return match !== null && isDate(match[1] ?? "");
}

/** Base64 as Go's decoder reads it: line breaks are skipped. */
function isBase64(value: string): boolean {
  return BASE64.test(/[\r\n]/.test(value) ? value.replace(/[\r\n]/g, "") : value);
}

function isIpv6(value: string): boolean {
  const halves = value.split("::");
  if (halves.length > 2 || !value.includes(":")) return false;
  const groups = (half: string): string[] => (half === "" ? [] : half.split(":"));
  const all = halves.flatMap(groups);
  const last = all.at(-1) ?? "";
  const embedded = last.includes(".");
  const count = all.length + (embedded ? 1 : 0);
  const hex = embedded ? all.slice(0, -1) : all;
  if (embedded && !IPV4.test(last)) return false;
  if (!hex.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? count <= 7 : count === 8;
}

function isCidr(value: string): boolean {
  const [address = "", length = "", ...more] = value.split("/");
  if (more.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  if (IPV4.test(address)) return Number(length) <= 32;
  return isIpv6(address) && Number(length) <= 128;
}

function isUri(value: string): boolean {
  return value.startsWith("/") || URL.canParse(value);
}

const FORMATS: Readonly<Record<string, FormatCheck>> = {
  int32: { test: wholeBetween(-(2 ** 31), 2 ** 31 - 1), detail: "must fit into 32 bits" },
  // JSON numbers beyond 2^53 arrive rounded, so that the edge itself cannot be told.
  int64: { test: wholeBetween(-(2 ** 63), 2 ** 63), detail: "must fit into 64 bits" },
  quantity: {
    test: (value) => typeof value === "number" || QUANTITY.test(value),
    detail: "must be a quantity, e.g. 100m, 1.5 or 512Mi",
  },
  byte: { test: text(isBase64), detail: "must be base64", secret: true },
  date: { test: text(isDate), detail: "must be a date as in 2024-01-31" },
  "date-time": {
    test: text(isDateTime),
    detail: "must be an RFC 3339 time, e.g. 2024-01-31T23:59:59Z",
  },
  datetime: {
    test: text(isDateTime),
    detail: "must be an RFC 3339 time, e.g. 2024-01-31T23:59:59Z",
  },
  duration: {
    test: matches(/^-?(\d+(\.\d*)?(ns|us|µs|μs|ms|s|m|h|d|w))+$|^0$/),
    detail: "must be a duration, e.g. 90s or 1h30m",
  },
  email: { test: matches(/^[^@\s]+@[^@\s]+$/), detail: "must be an e-mail address" },
  hostname: { test: matches(HOSTNAME), detail: "must be a host name" },
  ipv4: { test: matches(IPV4), detail: "must be an IPv4 address" },
  ipv6: { test: text(isIpv6), detail: "must be an IPv6 address" },
  cidr: { test: text(isCidr), detail: "must be an address range, e.g. 10.0.0.0/8" },
  mac: {
    test: matches(/^([0-9a-f]{2}[:-]){5}([0-9a-f]{2}|[0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2})$/i),
    detail: "must be a MAC address",
  },
  uri: { test: text(isUri), detail: "must be a URI" },
  uuid: { test: matches(UUID), detail: "must be a UUID" },
  uuid3: { test: matches(UUID), detail: "must be a UUID" },
  uuid4: { test: matches(UUID), detail: "must be a UUID" },
  uuid5: { test: matches(UUID), detail: "must be a UUID" },
};

/** The check of a format, or undefined for formats that are only documentation. */
export function formatCheck(format: string): FormatCheck | undefined {
  return Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
}
