/** One set of parameters: what one Application is made from. Nested, as Argo CD's Go templates see them. */
import { renderStrings } from "../template/template.ts";
import type { Json, JsonObject } from "../../kube/object.ts";

export type Parameters = JsonObject;

/** More Applications than that from one set are a mistake in a matrix. */
export const MAX_PARAMETER_SETS = 20_000;

/** Generators that cannot say what there is: nothing may be concluded from it, deletions least of all. */
export class GeneratorError extends Error {
  override readonly name = "GeneratorError";
}

/** `values` of a generator may use the parameters that it yields. */
export function withValues(
  parameters: Parameters,
  values: Readonly<Record<string, string>> | undefined,
): Parameters {
  if (values === undefined) return parameters;
  return { ...parameters, values: renderStrings(values, parameters) };
}

/** The second wins; objects are merged. */
export function mergeParameters(first: Parameters, second: Parameters): Parameters {
  // Without a prototype `__proto__` is a name like any other.
  const merged = Object.assign(Object.create(null), first) as { [key: string]: Json };
  for (const [key, value] of Object.entries(second)) {
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isObject(before) && isObject(value) ? mergeParameters(before, value) : value;
  }
  return merged;
}

/** `{a: {b: 1}, c: [2]}` as `{"a.b": "1", "c[0]": "2"}`: how selectors and merge keys see them. */
export function flatten(parameters: Parameters): Record<string, string> {
  const flat: Record<string, string> = Object.create(null) as Record<string, string>;
  const walk = (value: Json, name: string): void => {
    if (Array.isArray(value)) value.forEach((item: Json, at) => walk(item, `${name}[${at}]`));
    else if (isObject(value))
      for (const [key, item] of Object.entries(value))
        walk(item, name === "" ? key : `${name}.${key}`);
    else flat[name] = typeof value === "string" ? value : JSON.stringify(value);
  };
  walk(parameters, "");
  return flat;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
