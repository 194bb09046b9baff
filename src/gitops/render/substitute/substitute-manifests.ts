/**
 * Variables put into rendered objects, as Flux does after its build. A field that holds nothing else
 * than a variable gets the type that its value has in YAML, so that `replicas: ${replicas}` is a number.
 */
import { isObject } from "../../../kube/json-object.ts";
import { deepFreeze, type Json, type JsonObject, type KubeObject } from "../../../kube/object.ts";
import type { Finding } from "../../check/finding.ts";
import { findingObject, type Manifest } from "../manifest.ts";
import type { Variables } from "../render-environment.ts";
import { parseYaml } from "../yaml/parse-yaml.ts";
import { resolvePlain } from "../yaml/plain-scalar.ts";
import { expand, ExpandError } from "./expand.ts";

const DISABLED = "kustomize.toolkit.fluxcd.io/substitute";
/** Maps whose values are text whatever they look like: YAML's guess would only make them invalid. */
const TEXT_MAPS: ReadonlySet<string> = new Set([
  "annotations",
  "labels",
  "matchLabels",
  "nodeSelector",
  "selector",
  "data",
  "stringData",
  "parameters",
]);
/** Lists and fields of text. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(["args", "command", "value", "name", "namespace"]);

export function substituteVariables(
  manifests: readonly Manifest[],
  variables: Variables | undefined,
): { readonly objects: readonly Manifest[]; readonly findings: readonly Finding[] } {
  if (variables === undefined) return { objects: manifests, findings: [] };
  const findings: Finding[] = [];
  const objects = manifests.flatMap((manifest): Manifest[] => {
    if (isDisabled(manifest.object)) return [manifest];
    const substitution = new Substitution(manifest, variables.values);
    const object = substitution.object();
    findings.push(...substitution.findings);
    if (object === manifest.object) return [manifest];
    return substitution.findings.length > 0 ? [] : [{ ...manifest, object: deepFreeze(object) }];
  });
  return { objects, findings };
}

function isDisabled({ metadata }: KubeObject): boolean {
  return (
    metadata.annotations?.[DISABLED] === "disabled" || metadata.labels?.[DISABLED] === "disabled"
  );
}

class Substitution {
  readonly findings: Finding[] = [];
  readonly #manifest: Manifest;
  readonly #values: ReadonlyMap<string, string>;

  constructor(manifest: Manifest, values: ReadonlyMap<string, string>) {
    this.#manifest = manifest;
    this.#values = values;
  }

  object(): KubeObject {
    const { object } = this.#manifest;
    return this.#value(object as KubeObject & JsonObject, "", false) as JsonObject & KubeObject;
  }

  /** The value itself when nothing in it changes. */
  #value(value: Json, path: string, isText: boolean): Json {
    if (typeof value === "string") return this.#scalar(value, path, isText);
    if (Array.isArray(value)) {
      const before = value as readonly Json[];
      const items = before.map((item, index) => this.#value(item, `${path}[${index}]`, isText));
      return items.every((item, index) => item === before[index]) ? before : items;
    }
    if (!isObject(value)) return value;
    let isChanged = false;
    const entries = Object.entries(value as JsonObject).map(([key, item]): [string, Json] => {
      const at = path === "" ? key : `${path}.${key}`;
      const holdsText = isText ? isObject(value) && typeof item === "string" : TEXT_FIELDS.has(key);
      const newKey = this.#text(key, path);
      const newItem = this.#value(item, at, holdsText || TEXT_MAPS.has(key));
      isChanged ||= newKey !== key || newItem !== item;
      return [newKey, newItem];
    });
    return isChanged ? Object.fromEntries(entries) : (value as JsonObject);
  }

  #scalar(text: string, path: string, isText: boolean): Json {
    const expanded = this.#text(text, path);
    if (expanded === text || isText) return expanded;
    return typed(expanded);
  }

  #text(text: string, path: string): string {
    try {
      return expand(text, this.#values);
    } catch (error) {
      if (!(error instanceof ExpandError)) throw error;
      const { object, origin } = this.#manifest;
      this.findings.push({
        severity: "error",
        rule: "render/substitute",
        message: error.message,
        file: origin.file,
        ...this.#manifest.positionOf(path),
        path,
        object: findingObject(object),
        suggestion: error.suggestion,
      });
      return text;
    }
  }
}

/** What YAML makes of a text that stands there without quotes; lists and maps on one line included. */
function typed(text: string): Json {
  if (/^["'[{]/.test(text) && !text.includes("\n")) {
    const { documents, problems } = parseYaml(text);
    const value = documents[0]?.value;
    if (problems.length === 0 && documents.length === 1 && value !== undefined) return value;
    return text;
  }
  const plain = resolvePlain(text);
  return "value" in plain ? plain.value : text;
}
