/** JSON pointers (RFC 6901): `/metadata/annotations/example.com~1owner`. */
import { isObject, ownField } from "./json-object.ts";

/** A pointer that does not follow RFC 6901. */
export class JsonPointerError extends Error {
  override readonly name = "JsonPointerError";
}

/** The reference tokens of a pointer; the empty pointer names the whole document. */
export function parseJsonPointer(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) {
    throw new JsonPointerError(`JSON pointer ${JSON.stringify(pointer)} must start with "/"`);
  }
  if (/~(?![01])/.test(pointer)) {
    throw new JsonPointerError(
      `JSON pointer ${JSON.stringify(pointer)} has a "~" that is neither "~0" nor "~1"`,
    );
  }
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The inverse of {@link parseJsonPointer}. */
export function formatJsonPointer(tokens: readonly string[]): string {
  return tokens.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

const ARRAY_INDEX = /^(?:0|[1-9]\d{0,9})$/;

/** An array index as RFC 6901 writes it, or undefined. */
export function parseArrayIndex(token: string): number | undefined {
  return ARRAY_INDEX.test(token) ? Number(token) : undefined;
}

/** The value at a pointer, or undefined where there is none. */
export function readJsonPointer(document: unknown, tokens: readonly string[]): unknown {
  let value = document;
  for (const token of tokens) {
    if (Array.isArray(value)) {
      const index = parseArrayIndex(token);
      value = index === undefined ? undefined : (value as readonly unknown[])[index];
    } else {
      value = isObject(value) ? ownField(value, token) : undefined;
    }
  }
  return value;
}
