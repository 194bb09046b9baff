/** Kinds made at run time, one per served version of a CustomResourceDefinition. */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
} from "kubernetes-types/apiextensions/v1";
import type { FieldReader, Kind, PrinterColumn, Subresources } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Schema } from "../schema/schema.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import type { CustomResourceDefinition } from "./customresourcedefinition.ts";
import { ageSince } from "./human-duration.ts";
import { type JsonPath, parseJsonPath } from "./json-path.ts";

const OBJECT_META: Schema = { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

/**
 * The kind of one version. Names are those of the spec: whether they are taken is for the API
 * server to decide. Undefined when the definition has no such version.
 *
 * Defaults, pruning and validation all follow from `schema`, as for built-in kinds.
 * @throws {JsonPathError} when the definition was not validated
 */
export function customKind(
  definition: CustomResourceDefinition,
  version: string,
): Kind | undefined {
  const { group, names, scope } = definition.spec;
  const entry = definition.spec.versions.find(({ name }) => name === version);
  if (entry === undefined) return undefined;
  const schema = schemaOfVersion(definition, entry);
  const subresources = subresourcesOf(entry);
  const fields = selectableFieldsOf(entry);
  return {
    group,
    version,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    namespaced: scope === "Namespaced",
    ...(names.shortNames === undefined ? {} : { shortNames: names.shortNames }),
    ...(names.categories === undefined ? {} : { categories: names.categories }),
    schema,
    ...(subresources === undefined ? {} : { subresources }),
    columns: columnsOf(entry.additionalPrinterColumns),
    ...(fields === undefined ? {} : { selectableFields: fields }),
    strategy: {
      validateName: dns1123Subdomain,
      allowUnconditionalUpdate: false,
      warnings: () => deprecationWarnings(definition, entry),
    },
  };
}

/** The definition's schema plus what every object has. */
function schemaOfVersion(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): Schema {
  // Upstream's type leaves out the `x-kubernetes-…` extensions.
  const own = (version.schema?.openAPIV3Schema ?? {
    "x-kubernetes-preserve-unknown-fields": true,
  }) as Schema;
  const { group, names } = definition.spec;
  return {
    ...own,
    type: "object",
    properties: {
      ...own.properties,
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: OBJECT_META,
    },
    "x-kubernetes-group-version-kind": [{ group, version: version.name, kind: names.kind }],
  };
}

function subresourcesOf({
  subresources,
}: CustomResourceDefinitionVersion): Subresources | undefined {
  if (subresources?.status === undefined && subresources?.scale === undefined) return undefined;
  const { status, scale } = subresources;
  return {
    ...(status === undefined ? {} : { status: true }),
    ...(scale === undefined ? {} : { scale }),
  };
}

function selectableFieldsOf(
  version: CustomResourceDefinitionVersion,
): Record<string, FieldReader> | undefined {
  if (version.selectableFields === undefined) return undefined;
  const readers = version.selectableFields.map(({ jsonPath }): [string, FieldReader] => {
    const path = parseJsonPath(jsonPath);
    return [jsonPath.replace(/^\./, ""), (object) => textOf(path(object)[0])];
  });
  return Object.fromEntries(readers);
}

/** Name first; without columns of their own, objects show their age. */
function columnsOf(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
): PrinterColumn[] {
  if (columns === undefined || columns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...columns.map(customColumn)];
}

function customColumn(column: CustomResourceColumnDefinition): PrinterColumn {
  const path = parseJsonPath(column.jsonPath);
  const type = columnType(column.type);
  return {
    name: column.name,
    type,
    ...(column.format === undefined ? {} : { format: column.format }),
    ...(column.description === undefined ? {} : { description: column.description }),
    ...(column.priority === undefined ? {} : { priority: column.priority }),
    cell: (object, { nowMs }) => cellOf(type, path, object, nowMs),
  };
}

function columnType(type: string): PrinterColumn["type"] {
  switch (type) {
    case "integer":
    case "number":
    case "boolean":
    case "date":
      return type;
    default:
      return "string";
  }
}

function cellOf(
  type: PrinterColumn["type"],
  path: JsonPath,
  object: unknown,
  nowMs: number,
): string | number | boolean | null {
  const found = path(object).filter((value) => value !== null && value !== undefined);
  const [value] = found;
  if (value === undefined) return null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" && !Number.isNaN(Date.parse(value))
        ? ageSince(value, nowMs)
        : "<invalid>";
    case "string":
      return found.map(textOf).join(" ");
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function deprecationWarnings(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): string[] {
  if (version.deprecated !== true) return [];
  const { group, names } = definition.spec;
  return [version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`];
}
