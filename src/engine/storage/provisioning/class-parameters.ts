/**
 * What a class says to Gantry rather than to its driver: parameters that begin with
 * `csi.storage.k8s.io/`, as kubernetes-csi's external-provisioner reads them. Pure.
 */
import type { SecretReference } from "kubernetes-types/core/v1";

export const RESERVED_PREFIX = "csi.storage.k8s.io/";

export type SecretUse =
  | "provisioner"
  | "controller-publish"
  | "controller-expand"
  | "node-stage"
  | "node-publish"
  | "node-expand"
  | "snapshotter";

export interface ClassParameters {
  /** What is left for the driver. */
  readonly forDriver: Readonly<Record<string, string>>;
  readonly fsType: string | undefined;
  readonly secrets: Readonly<Partial<Record<SecretUse, SecretReference>>>;
}

/** A parameter that cannot be understood; the message says which. */
export class ClassParameterError extends Error {
  override readonly name = "ClassParameterError";
}

const SECRET_USES: readonly SecretUse[] = [
  "provisioner",
  "controller-publish",
  "controller-expand",
  "node-stage",
  "node-publish",
  "node-expand",
  "snapshotter",
];

/**
 * @param variables what `${pvc.name}` and its like stand for in names of secrets
 * @throws ClassParameterError
 */
export function readClassParameters(
  parameters: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
): ClassParameters {
  const reserved = new Map<string, string>();
  const forDriver: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters)) {
    if (key.startsWith(RESERVED_PREFIX)) reserved.set(key.slice(RESERVED_PREFIX.length), value);
    else if (key === "fstype" || key === "fsType") reserved.set("fstype", value);
    else forDriver[key] = value;
  }
  const secrets: Partial<Record<SecretUse, SecretReference>> = {};
  for (const use of SECRET_USES) {
    const [name, namespace] = [
      reserved.get(`${use}-secret-name`),
      reserved.get(`${use}-secret-namespace`),
    ];
    if (name === undefined && namespace === undefined) continue;
    if (name === undefined || namespace === undefined)
      throw new ClassParameterError(
        `${RESERVED_PREFIX}${use}-secret-name and -namespace go together: one of them is missing`,
      );
    secrets[use] = {
      name: expand(name, variables, use),
      namespace: expand(namespace, variables, use),
    };
  }
  return { forDriver, fsType: reserved.get("fstype"), secrets };
}

function expand(text: string, variables: Readonly<Record<string, string>>, use: string): string {
  return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value !== undefined) return value;
    const known = Object.keys(variables)
      .map((one) => `\${${one}}`)
      .join(", ");
    throw new ClassParameterError(
      `the ${use} secret of the class names \${${name}}, which is unknown: use ${known}`,
    );
  });
}
