/** Functions over text that the engine lacks of CEL's string extension. */
import { type Environment, EvaluationError } from "../library.ts";

/** The longest text that `replace` may build. */
export const MAX_TEXT_LENGTH = 10_000_000;

function replace(text: string, old: string, by: string, limit = -1n): string {
  if (limit === 0n) return text;
  // An empty text to look for stands before every character and at the end.
  const parts = old === "" ? ["", ...text, ""] : text.split(old);
  const most = limit < 0n ? parts.length - 1 : Math.min(Number(limit), parts.length - 1);
  if (text.length + most * (by.length - old.length) > MAX_TEXT_LENGTH)
    throw new EvaluationError("replace() would build too long a text");
  return (
    parts.slice(0, most + 1).join(by) +
    parts
      .slice(most + 1)
      .map((part) => old + part)
      .join("")
  );
}

function charAt(text: string, index: bigint): string {
  const characters = [...text];
  if (index < 0n || index > BigInt(characters.length))
    throw new EvaluationError(`charAt(${index}) is not within the text`);
  return characters[Number(index)] ?? "";
}

const VERB = /%(?:\.(\d{1,2}))?([a-zA-Z%])/g;

/** `"%s has %d".format([name, count])`. */
function format(template: string, values: readonly unknown[]): string {
  let used = 0;
  const text = template.replaceAll(VERB, (_, precision: string | undefined, verb: string) => {
    if (verb === "%") return "%";
    if (used >= values.length) throw new EvaluationError("format() has too few values");
    return formatOne(verb, precision === undefined ? 6 : Number(precision), values[used++]);
  });
  if (text.length > MAX_TEXT_LENGTH)
    throw new EvaluationError("format() would build too long a text");
  return text;
}

function formatOne(verb: string, precision: number, value: unknown): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  switch (verb) {
    case "s":
      return shown(value, 0);
    case "d":
      if (typeof value === "bigint") return String(value);
      break;
    case "f":
      if (isNumber) return Number(value).toFixed(precision);
      break;
    case "e":
      if (isNumber) return Number(value).toExponential(precision);
      break;
    case "b":
      if (typeof value === "bigint") return value.toString(2);
      if (typeof value === "boolean") return value ? "1" : "0";
      break;
    case "o":
      if (typeof value === "bigint") return value.toString(8);
      break;
    case "x":
    case "X":
      if (typeof value === "bigint") {
        const digits = value.toString(16);
        return verb === "X" ? digits.toUpperCase() : digits;
      }
      break;
    default:
      throw new EvaluationError(`format() does not know %${verb}`);
  }
  throw new EvaluationError(`format(): %${verb} does not take this value`);
}

/** Nesting shown by `%s`; deeper values are cut. */
const MAX_SHOWN_DEPTH = 32;

function shown(value: unknown, depth: number): string {
  if (depth > MAX_SHOWN_DEPTH) return "…";
  if (Array.isArray(value)) return `[${value.map((item) => shown(item, depth + 1)).join(", ")}]`;
  if (value instanceof Date) return value.toISOString();
  const entries =
    value instanceof Map
      ? [...value]
      : typeof value === "object" && value?.constructor === Object
        ? Object.entries(value)
        : undefined;
  if (entries === undefined) return String(value);
  return `{${entries.map(([key, field]) => `${key}: ${shown(field, depth + 1)}`).join(", ")}}`;
}

export function registerStrings(environment: Environment): void {
  const method = (signature: string, handler: (...args: never[]) => unknown): void => {
    environment.registerFunction(`string.${signature}`, handler, { async: false });
  };
  method("replace(string, string): string", replace);
  method("replace(string, string, int): string", replace);
  method("charAt(int): string", charAt);
  method("reverse(): string", (text: string) => [...text].reverse().join(""));
  method("format(list): string", format);
}
