/** A health rule as a user wrote it, wherever: HealthCheck, Argo CD's ConfigMap, Application. */
import { isObject } from "../../../kube/json-object.ts";
import type { ConfigMap } from "../../../kube/kinds/configmap.ts";
import type { HealthCheck } from "../../../kube/kinds/healthcheck.ts";
import { parseYaml } from "../../render/yaml/parse-yaml.ts";
import type { CelHealthExpressions } from "./cel-rule.ts";

export interface RuleDefinition {
  /** For people: `HealthCheck/rollouts`. */
  readonly name: string;
  /** May have `*` for any part of it. */
  readonly group: string;
  readonly kind: string;
  /** Exactly one of the two. */
  readonly cel?: CelHealthExpressions;
  readonly lua?: string;
}

const CUSTOMIZATION = "resource.customizations.health.";
const OLD_CUSTOMIZATIONS = "resource.customizations";
/** Marks the ConfigMaps that Argo CD reads. */
const PART_OF = "app.kubernetes.io/part-of";
const ARGO_CONFIG = "argocd-cm";

export function ofHealthCheck({ metadata, spec }: HealthCheck): RuleDefinition {
  const { group = "", kind, cel, lua } = spec;
  const name = `HealthCheck/${metadata.name}`;
  return {
    name,
    group,
    kind,
    ...(cel === undefined ? {} : { cel }),
    ...(lua === undefined ? {} : { lua }),
  };
}

/** Whether this is the ConfigMap in which Argo CD keeps its settings. */
export function isArgoConfig({ metadata }: ConfigMap): boolean {
  return metadata.name === ARGO_CONFIG && metadata.labels?.[PART_OF] === "argocd";
}

/**
 * The keys `resource.customizations.health.<group>_<Kind>`, unchanged, and the older key
 * `resource.customizations`, in YAML: `<group>/<Kind>: {health.lua: …}`.
 */
export function ofArgoConfig({ metadata, data }: ConfigMap): RuleDefinition[] {
  return Object.entries(data ?? {}).flatMap(([key, lua]) => {
    if (key === OLD_CUSTOMIZATIONS) return ofOldKey(`ConfigMap/${metadata.name} ${key}`, lua);
    if (!key.startsWith(CUSTOMIZATION)) return [];
    const id = key.slice(CUSTOMIZATION.length);
    const split = id.lastIndexOf("_");
    const name = `ConfigMap/${metadata.name} ${key}`;
    return [{ name, group: split < 0 ? "" : id.slice(0, split), kind: id.slice(split + 1), lua }];
  });
}

function ofOldKey(name: string, text: string): RuleDefinition[] {
  const [document] = parseYaml(text).documents;
  if (!isObject(document?.value)) return [];
  return Object.entries(document.value).flatMap(([id, customization]) => {
    const lua = isObject(customization) ? customization["health.lua"] : undefined;
    if (typeof lua !== "string") return [];
    const split = id.indexOf("/");
    const group = split < 0 ? "" : id.slice(0, split);
    return [{ name: `${name} ${id}`, group, kind: id.slice(split + 1), lua }];
  });
}
