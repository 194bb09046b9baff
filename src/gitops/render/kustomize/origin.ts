/** Kustomize's origin annotation: read, and taken away again where the user did not ask for it. */
import { isObject } from "../../../kube/json-object.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { parseYaml } from "../yaml/parse-yaml.ts";

const ORIGIN = "config.kubernetes.io/origin";
const TRANSFORMATIONS = "alpha.config.kubernetes.io/transformations";

export interface ObjectOrigin {
  /** File of the sandbox that has it, or that configures its generator. */
  readonly path: string;
  readonly isGenerated: boolean;
}

export function originOf(object: KubeObject): ObjectOrigin | undefined {
  const text = object.metadata.annotations?.[ORIGIN];
  if (text === undefined) return undefined;
  const value = parseYaml(text).documents[0]?.value;
  if (!isObject(value)) return undefined;
  const { path, configuredIn } = value;
  if (typeof path === "string") return { path, isGenerated: false };
  if (typeof configuredIn === "string") return { path: configuredIn, isGenerated: true };
  return undefined;
}

export interface OriginOptions {
  /** The user asked for the annotation. */
  readonly keep: boolean;
  /** From what Kustomize wrote to what it would have written without our overlay. */
  readonly rewrite: (path: string) => string;
}

export function withoutOrigin(object: KubeObject, { keep, rewrite }: OriginOptions): KubeObject {
  const annotations = object.metadata.annotations;
  const written = annotations?.[ORIGIN];
  if (annotations === undefined) return object;
  const rest = Object.fromEntries(
    Object.entries(annotations).flatMap(([name, value]): [string, string][] => {
      if (name === ORIGIN && !keep) return [];
      return name === ORIGIN || name === TRANSFORMATIONS
        ? [[name, rewritten(value, rewrite)]]
        : [[name, value]];
    }),
  );
  if (written === undefined && annotations[TRANSFORMATIONS] === undefined) return object;
  const { annotations: _all, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest },
  };
}

function rewritten(text: string, rewrite: (path: string) => string): string {
  return text.replace(
    /^(\s*(?:- )?(?:path|configuredIn): )(.*)$/gm,
    (_line, field: string, path: string) => field + rewrite(path),
  );
}
