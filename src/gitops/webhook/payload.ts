/** Reads fields of a payload that anybody may have sent: every step may be missing or of another type. */

export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step))
      return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}

export function text(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = field(value, ...path);
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** The strings among several places. */
export function texts(
  value: unknown,
  ...paths: readonly (readonly (string | number)[])[]
): string[] {
  return paths.map((path) => text(value, ...path)).filter((found) => found !== undefined);
}

export function list(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found : [];
}
