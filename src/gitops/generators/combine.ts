/** How sets of parameters are put together: every combination (matrix), or by key (merge). */
import { flatten, GeneratorError, mergeParameters, type Parameters } from "./parameters.ts";

/** One set with each of several. Two different values of one parameter contradict. */
export function combine(parameters: Parameters, others: readonly Parameters[]): Parameters[] {
  const known = Object.keys(parameters).length === 0 ? undefined : flatten(parameters);
  return others.map((other) => {
    if (known !== undefined) {
      for (const [name, value] of Object.entries(flatten(other)))
        if (Object.hasOwn(known, name) && known[name] !== value && !isPath(name))
          throw new GeneratorError(
            `the generators of a matrix disagree about ${name}: ${known[name]} and ${value}`,
          );
    }
    return mergeParameters(parameters, other);
  });
}

/** Two Git generators both yield a path: as in Argo CD, the later one wins. */
const isPath = (name: string): boolean => name === "path" || /^path[.[]/.test(name);

/** The sets of the first generator, each completed by those of the others that have the same keys. */
export function complete(
  [first = [], ...others]: readonly (readonly Parameters[])[],
  keys: readonly string[],
): Parameters[] {
  const idOf = (parameters: Parameters): string => {
    const flat = flatten(parameters);
    return JSON.stringify(keys.map((key) => flat[key] ?? null));
  };
  const byKey = new Map<string, Parameters>();
  for (const parameters of first) {
    const id = idOf(parameters);
    if (byKey.has(id))
      throw new GeneratorError(`the first generator of a merge yields the keys ${id} twice`);
    byKey.set(id, parameters);
  }
  for (const parameters of others.flat()) {
    const base = byKey.get(idOf(parameters));
    if (base !== undefined) byKey.set(idOf(parameters), mergeParameters(base, parameters));
  }
  return [...byKey.values()];
}
