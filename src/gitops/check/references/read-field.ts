/** Reading fields of objects that may have any shape: what is not as expected is not there. */
import { isObject, ownField, type UnknownObject } from "../../../kube/json-object.ts";

/** The value at a path of plain field names: `spec.template.spec`. */
export function fieldAt(value: unknown, path: string): unknown {
  let current = value;
  for (const name of path.split(".")) {
    if (!isObject(current)) return undefined;
    current = ownField(current, name);
  }
  return current;
}

export function textAt(value: unknown, path: string): string | undefined {
  const found = fieldAt(value, path);
  return typeof found === "string" && found !== "" ? found : undefined;
}

export function mapAt(value: unknown, path: string): UnknownObject | undefined {
  const found = fieldAt(value, path);
  return isObject(found) ? found : undefined;
}

/** Items that are maps, with their place in the list. */
export function itemsAt(value: unknown, path: string): (readonly [number, UnknownObject])[] {
  const found = fieldAt(value, path);
  if (!Array.isArray(found)) return [];
  return (found as unknown[]).flatMap((item, at) => (isObject(item) ? [[at, item] as const] : []));
}

/** A map of texts; other values are left out. */
export function labelsAt(value: unknown, path: string): Readonly<Record<string, string>> {
  const entries = Object.entries(mapAt(value, path) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
