/** Which kinds there are: built-in ones, the caller's, and those whose definition is in the input. */
import type { Kind } from "../../kube/kind.ts";
import { customKind } from "../../kube/kinds/custom.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../kube/kinds/customresourcedefinition.ts";
import { kindFor } from "../../kube/kinds/index.ts";
import { isObject } from "../../kube/json-object.ts";
import { apiVersionOf, type KubeObject, parseApiVersion } from "../../kube/object.ts";
import { allBuiltinGvks, schemaOf } from "../../kube/schema/definitions.ts";
import type { Schema } from "../../kube/schema/schema.ts";
import { nearestName } from "./nearest-name.ts";

export interface KnownKind {
  /** Undefined where a definition exists but is itself in error. */
  readonly schema: Schema | undefined;
  /** With its rules; undefined for kinds that only have a schema. */
  readonly kind: Kind | undefined;
}

export class KnownKinds {
  readonly #custom = new Map<string, KnownKind>();

  constructor(customKinds: readonly Kind[] = []) {
    for (const kind of customKinds)
      this.#custom.set(keyOf(apiVersionOf(kind), kind.kind), { schema: kind.schema, kind });
  }

  /** Learns the kinds of a definition; of one with errors only that its kinds exist. */
  define(definition: KubeObject, isValid: boolean): void {
    for (const { version, group, kind } of definedKinds(definition)) {
      const made = isValid
        ? customKind(definition as CustomResourceDefinition, version)
        : undefined;
      const apiVersion = apiVersionOf({ group, version });
      this.#custom.set(keyOf(apiVersion, kind), { schema: made?.schema, kind: made });
    }
  }

  find(apiVersion: string, kind: string): KnownKind | undefined {
    const custom = this.#custom.get(keyOf(apiVersion, kind));
    if (custom !== undefined) return custom;
    const builtin = kindFor(apiVersion, kind);
    const schema = builtin?.schema ?? schemaOf(apiVersion, kind);
    return schema === undefined ? undefined : { schema, kind: builtin };
  }

  /**
   * What may have been meant by an unknown kind: another apiVersion for the same kind, or a kind
   * of similar name.
   */
  suggest(apiVersion: string, kind: string): string | undefined {
    const all = [...builtinNames(), ...this.#customNames()];
    const elsewhere = all.filter((known) => known.kind === kind).map((known) => known.apiVersion);
    const best = nearestName(apiVersion, elsewhere) ?? elsewhere[0];
    if (best !== undefined) return `${kind} is in ${best}`;
    const here = all.filter((known) => known.apiVersion === apiVersion);
    // What resembles a kind of somebody else's is no help.
    if (here.length === 0 && !isBuiltinGroup(apiVersion)) return undefined;
    const near = nearestName(kind, names(here.length > 0 ? here : all));
    if (near === undefined) return undefined;
    const home = all.find((known) => known.kind === near)?.apiVersion;
    return here.length > 0 ? `Did you mean ${near}?` : `Did you mean ${near} in ${home}?`;
  }

  #customNames(): KindName[] {
    return [...this.#custom.keys()].map((key) => {
      const [apiVersion = "", kind = ""] = key.split(" ");
      return { apiVersion, kind };
    });
  }
}

/** Whether Kubernetes itself owns the group of an apiVersion, so that all its kinds are known. */
export function isBuiltinGroup(apiVersion: string): boolean {
  const { group } = parseApiVersion(apiVersion);
  return builtinGroups().has(group) || group === "extensions";
}

export function isDefinition({ apiVersion, kind }: KubeObject): boolean {
  return (
    apiVersion === apiVersionOf(customResourceDefinitions) &&
    kind === customResourceDefinitions.kind
  );
}

/** Reads what a definition, right or wrong, says about the kinds that it brings. */
function definedKinds(
  definition: KubeObject,
): { readonly group: string; readonly version: string; readonly kind: string }[] {
  const spec: unknown = "spec" in definition ? definition.spec : undefined;
  if (!isObject(spec) || !isObject(spec["names"]) || !Array.isArray(spec["versions"])) return [];
  const group = spec["group"];
  const kind = spec["names"]["kind"];
  if (typeof group !== "string" || typeof kind !== "string") return [];
  return (spec["versions"] as unknown[]).flatMap((version) =>
    isObject(version) && typeof version["name"] === "string"
      ? [{ group, version: version["name"], kind }]
      : [],
  );
}

interface KindName {
  readonly apiVersion: string;
  readonly kind: string;
}

let builtin: { readonly names: KindName[]; readonly groups: ReadonlySet<string> } | undefined;

function load(): { readonly names: KindName[]; readonly groups: ReadonlySet<string> } {
  const gvks = allBuiltinGvks().filter(({ kind }) => !kind.endsWith("List"));
  builtin ??= {
    names: gvks.map((gvk) => ({ apiVersion: apiVersionOf(gvk), kind: gvk.kind })),
    groups: new Set(gvks.map((gvk) => gvk.group)),
  };
  return builtin;
}

function builtinNames(): readonly KindName[] {
  return load().names;
}

function builtinGroups(): ReadonlySet<string> {
  return load().groups;
}

function names(kinds: readonly KindName[]): string[] {
  return kinds.map(({ kind }) => kind);
}

function keyOf(apiVersion: string, kind: string): string {
  return `${apiVersion} ${kind}`;
}
