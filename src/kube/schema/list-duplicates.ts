/** Repeated entries in lists that are sets or maps. */
import type { Json } from "../object.ts";
import { isObject, type Shape } from "./shape.ts";
import type { Findings } from "./findings.ts";

export function checkDuplicates(shape: Shape, value: readonly unknown[], findings: Findings): void {
  const { schema } = shape;
  if (value.length < 2 || schema["x-gantry-duplicates-allowed"] === true) return;
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "map") checkKeys(shape, value, findings);
  else if (listType === "set" || schema.uniqueItems === true) checkSet(value, findings);
}

function checkSet(value: readonly unknown[], { errors, path }: Findings): void {
  const seen = new Set<string>();
  value.forEach((item, at) => {
    const id = JSON.stringify(item);
    if (seen.has(id)) {
      path.push(at);
      errors.push({
        reason: "FieldValueDuplicate",
        field: path.toString(),
        detail: "",
        value: item,
      });
      path.pop();
    }
    seen.add(id);
  });
}

function checkKeys(shape: Shape, value: readonly unknown[], { errors, path }: Findings): void {
  const names = shape.schema["x-kubernetes-list-map-keys"] ?? [];
  const [only] = names;
  const seen = new Set<string>();
  value.forEach((item, at) => {
    if (!isObject(item)) return;
    const keys = names.map((name) => keyOf(shape, item, name));
    const id = JSON.stringify(keys);
    if (seen.has(id)) {
      const single = names.length === 1 && only !== undefined;
      path.push(at);
      if (single) path.push(only);
      const shown = single
        ? keys[0]
        : Object.fromEntries(names.map((name, key) => [name, keys[key]]));
      errors.push({
        reason: "FieldValueDuplicate",
        field: path.toString(),
        detail: "",
        value: shown,
      });
      if (single) path.pop();
      path.pop();
    }
    seen.add(id);
  });
}

/** A key that is left out counts as its default, as in server-side apply. */
function keyOf(shape: Shape, item: Readonly<Record<string, Json>>, name: string): Json {
  return item[name] ?? shape.items?.properties.get(name)?.schema.default ?? null;
}
