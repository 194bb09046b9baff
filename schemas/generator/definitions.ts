/** Turns declarations into definitions: the shapes, before any overlay table is applied. */
import type { Schema } from "../../src/kube/schema/schema.ts";
import type { Declaration, DeclarationFile, Member, TypeNode } from "./declarations.ts";
import { definitionName, resolveModule } from "./packages.ts";

export interface Definition {
  readonly module: string;
  readonly name: string;
  readonly schema: Schema;
  /** Keyed by property; the empty key describes the definition itself. */
  readonly descriptions: Readonly<Record<string, string>>;
}

const INT_OR_STRING = definitionName("util/intstr", "IntOrString");

/** Our declarations over the package's: members of an interface are added or replaced. */
export function mergeFiles(base: DeclarationFile, overlay: DeclarationFile): DeclarationFile {
  const declarations = new Map(base.declarations.map((each) => [each.name, each]));
  for (const added of overlay.declarations) {
    const present = declarations.get(added.name);
    declarations.set(
      added.name,
      present?.kind === "interface" && added.kind === "interface"
        ? mergeInterfaces(present, added)
        : added,
    );
  }
  return {
    imports: new Map([...base.imports, ...overlay.imports]),
    declarations: [...declarations.values()],
  };
}

type Interface = Extract<Declaration, { kind: "interface" }>;

function mergeInterfaces(base: Interface, overlay: Interface): Interface {
  const members = new Map(base.members.map((member) => [member.name, member]));
  for (const member of overlay.members) {
    const description = member.description || (members.get(member.name)?.description ?? "");
    members.set(member.name, { ...member, description });
  }
  return {
    ...base,
    description: overlay.description || base.description,
    members: [...members.values()],
  };
}

/**
 * All definitions of one module.
 * @throws Error naming the module and type when a type refers to something that is not declared
 */
export function definitionsOf(module: string, file: DeclarationFile): Definition[] {
  const own = new Set(file.declarations.map((each) => each.name));

  function reference(name: string, where: string): Schema {
    if (own.has(name)) return { $ref: definitionName(module, name) };
    const specifier = file.imports.get(name);
    if (specifier === undefined) throw new Error(`${module}: ${where}: ${name} is not declared`);
    return { $ref: definitionName(resolveModule(module, specifier), name) };
  }
  function schemaFor(type: TypeNode, where: string): Schema {
    switch (type.kind) {
      case "literal":
        return { type: "string" };
      case "array":
        return { type: "array", items: schemaFor(type.items, where) };
      case "map":
        return { type: "object", additionalProperties: schemaFor(type.values, where) };
      case "name":
        if (type.name === "string" || type.name === "boolean") return { type: type.name };
        if (type.name === "number") return { type: "integer", format: "int32" };
        return reference(type.name, where);
      case "union":
        return isIntOrString(type)
          ? { $ref: INT_OR_STRING }
          : { anyOf: type.members.map((member) => schemaFor(member, where)) };
    }
  }
  function define(declaration: Declaration): Definition {
    const { name, description } = declaration;
    if (declaration.kind === "alias")
      return {
        module,
        name,
        schema: schemaFor(declaration.type, name),
        descriptions: { "": description },
      };
    const members = declaration.members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const properties = Object.fromEntries(
      members.map((member) => [member.name, schemaFor(member.type, `${name}.${member.name}`)]),
    );
    const required = members.filter((member) => !member.optional).map((member) => member.name);
    const gvk = groupVersionKind(members);
    const schema: Schema = {
      type: "object",
      ...(members.length === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
      ...(gvk === undefined ? {} : { "x-kubernetes-group-version-kind": [gvk] }),
    };
    const described = members.map((member): [string, string] => [member.name, member.description]);
    const texts: [string, string][] = [["", description], ...described];
    const descriptions: Record<string, string> = Object.fromEntries<string>(
      texts.filter(([, text]) => text !== ""),
    );
    return { module, name, schema, descriptions };
  }
  return file.declarations.map(define);
}

function isIntOrString(type: Extract<TypeNode, { kind: "union" }>): boolean {
  const names = type.members.map((member) => (member.kind === "name" ? member.name : "?"));
  return names.toSorted().join() === "number,string";
}

/** A type whose `apiVersion` and `kind` are literals is a kind of its own. */
function groupVersionKind(
  members: readonly Member[],
): { group: string; version: string; kind: string } | undefined {
  const literal = (name: string): string | undefined => {
    const type = members.find((member) => member.name === name)?.type;
    return type?.kind === "literal" ? type.value : undefined;
  };
  const apiVersion = literal("apiVersion");
  const kind = literal("kind");
  if (apiVersion === undefined || kind === undefined) return undefined;
  const slash = apiVersion.indexOf("/");
  return {
    group: apiVersion.slice(0, Math.max(slash, 0)),
    version: apiVersion.slice(slash + 1),
    kind,
  };
}
