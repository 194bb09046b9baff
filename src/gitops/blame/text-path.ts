/** A field path as positions and findings have it: list elements by index, not by what identifies them. */
import type { FieldPath } from "../../kube/apply/field-set.ts";
import { readFieldPath } from "../../kube/apply/ownership.ts";

/** `spec.containers[0].image`, `metadata.labels[app.kubernetes.io/name]`. */
export function textPath(object: unknown, path: FieldPath): string {
  let text = "";
  let value = object;
  for (const element of path) {
    const next = readFieldPath(value, [element]);
    if (Array.isArray(value)) text += `[${value.indexOf(next)}]`;
    else text += named(text, element.slice("f:".length));
    value = next;
  }
  return text;
}

function named(before: string, name: string): string {
  if (/^[A-Za-z_$][\w$]*$/.test(name)) return before === "" ? name : `.${name}`;
  return `[${name}]`;
}
