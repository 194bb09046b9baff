/** Something that a pod refers to is not there: the container waits until it is. */
export class MissingReferenceError extends Error {
  override readonly name = "MissingReferenceError";
}

/** The data objects a pod can refer to, by name within its namespace. */
export interface ReferencedData {
  readonly configMap: (name: string) => ConfigData | undefined;
  readonly secret: (name: string) => ConfigData | undefined;
}
export type ConfigData = ReadonlyMap<string, Buffer>;

/** The value of one key; undefined when it may be missing and is. Throws {@link MissingReferenceError}. */
export function readKey(
  data: ReferencedData,
  source: "configmap" | "secret",
  selector: { readonly name?: string; readonly key: string; readonly optional?: boolean },
  namespace: string,
): Buffer | undefined {
  const name = selector.name ?? "";
  const object = source === "configmap" ? data.configMap(name) : data.secret(name);
  if (object === undefined) {
    if (selector.optional === true) return undefined;
    throw new MissingReferenceError(`${source} "${name}" not found`);
  }
  const value = object.get(selector.key);
  if (value === undefined && selector.optional !== true) {
    const kind = source === "configmap" ? "ConfigMap" : "Secret";
    throw new MissingReferenceError(
      `couldn't find key ${selector.key} in ${kind} ${namespace}/${name}`,
    );
  }
  return value;
}

/** All keys of an object; undefined when it may be missing and is. Throws {@link MissingReferenceError}. */
export function readAll(
  data: ReferencedData,
  source: "configmap" | "secret",
  reference: { readonly name?: string; readonly optional?: boolean },
): ConfigData | undefined {
  const name = reference.name ?? "";
  const object = source === "configmap" ? data.configMap(name) : data.secret(name);
  if (object === undefined && reference.optional !== true)
    throw new MissingReferenceError(`${source} "${name}" not found`);
  return object;
}
