/** Rules for one version of a CustomResourceDefinition: schema, columns, subresources, selectable fields. */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "kubernetes-types/apiextensions/v1";
import type { FieldError } from "../../field-error.ts";
import { dns1035Label } from "../../names.ts";
import type { Schema } from "../../schema/schema.ts";
import { structuralErrors } from "../../schema/structural.ts";
import {
  duplicate,
  duplicates,
  invalid,
  isBlank,
  notSupported,
  oneOf,
  required,
  requiredName,
  requiredText,
  tooMany,
} from "../field-problems.ts";
import { JsonPathError, parseJsonPath } from "../json-path.ts";

const COLUMN_TYPES = ["integer", "number", "string", "boolean", "date"];
const COLUMN_FORMATS = [
  "int32",
  "int64",
  "float",
  "double",
  "byte",
  "date",
  "date-time",
  "password",
];
/** `.spec.replicas`: names joined by dots, nothing else. */
const SIMPLE_PATH = /^(\.[a-zA-Z_][a-zA-Z0-9_-]*)+$/;
/** Each makes every watch event dearer. */
const MAX_SELECTABLE_FIELDS = 8;

export function validateVersion(
  version: CustomResourceDefinitionVersion,
  field: string,
): FieldError[] {
  const errors = [
    ...requiredName(`${field}.name`, version.name, dns1035Label),
    ...validateSchema(version, `${field}.schema.openAPIV3Schema`),
    ...validateSelectableFields(version, `${field}.selectableFields`),
  ];
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries()) {
    errors.push(...validateColumn(column, `${field}.additionalPrinterColumns[${index}]`));
  }
  const scale = version.subresources?.scale;
  if (scale !== undefined) errors.push(...validateScale(scale, `${field}.subresources.scale`));
  if (!isBlank(version.deprecationWarning) && version.deprecated !== true) {
    const detail = "can only be set for deprecated versions";
    errors.push(invalid(`${field}.deprecationWarning`, version.deprecationWarning, detail));
  }
  return errors;
}

function validateSchema(version: CustomResourceDefinitionVersion, field: string): FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) return [required(field, "schemas are required")];
  // Upstream's type leaves out the `x-kubernetes-…` extensions.
  return structuralErrors(schema as unknown as Schema, field);
}

function validateColumn(column: CustomResourceColumnDefinition, field: string): FieldError[] {
  const errors = requiredText(`${field}.name`, column.name);
  if (isBlank(column.type)) errors.push(required(`${field}.type`));
  else errors.push(...oneOf(`${field}.type`, column.type, COLUMN_TYPES));
  if (!isBlank(column.format))
    errors.push(...oneOf(`${field}.format`, column.format, COLUMN_FORMATS));
  return [...errors, ...validateJsonPath(`${field}.jsonPath`, column.jsonPath)];
}

function validateJsonPath(field: string, path: string | undefined): FieldError[] {
  if (isBlank(path)) return [required(field)];
  try {
    parseJsonPath(path);
    return [];
  } catch (error) {
    if (error instanceof JsonPathError) return [invalid(field, path, error.message)];
    throw error;
  }
}

function validateScale(scale: CustomResourceSubresourceScale, field: string): FieldError[] {
  const rules = [
    ["specReplicasPath", [".spec."], true],
    ["statusReplicasPath", [".status."], true],
    ["labelSelectorPath", [".spec.", ".status."], false],
  ] as const;
  return rules.flatMap(([name, roots, isNeeded]) => {
    const path = scale[name];
    if (isBlank(path)) return isNeeded ? [required(`${field}.${name}`)] : [];
    const starts: readonly string[] = roots;
    return SIMPLE_PATH.test(path) && starts.some((root) => path.startsWith(root))
      ? []
      : [
          invalid(
            `${field}.${name}`,
            path,
            `must be a path without brackets below ${roots.join(" or ")}`,
          ),
        ];
  });
}

function validateSelectableFields(
  version: CustomResourceDefinitionVersion,
  field: string,
): FieldError[] {
  const fields = version.selectableFields ?? [];
  const errors: FieldError[] = [];
  if (fields.length > MAX_SELECTABLE_FIELDS) {
    errors.push(tooMany(field, fields.length, MAX_SELECTABLE_FIELDS));
  }
  for (const [index, { jsonPath }] of fields.entries()) {
    const path = `${field}[${index}].jsonPath`;
    if (isBlank(jsonPath)) errors.push(required(path));
    else if (!SIMPLE_PATH.test(jsonPath)) {
      errors.push(invalid(path, jsonPath, "must be a path without brackets, as in .spec.color"));
    } else errors.push(...validateSelectableType(version, jsonPath, path));
  }
  return [
    ...errors,
    ...duplicates(
      fields,
      ({ jsonPath }) => jsonPath,
      (index, path) => duplicate(`${field}[${index}].jsonPath`, path),
    ),
  ];
}

/** A field that can be selected by is a plain value of the schema, and not of metadata. */
function validateSelectableType(
  version: CustomResourceDefinitionVersion,
  jsonPath: string,
  field: string,
): FieldError[] {
  const names = jsonPath.slice(1).split(".");
  if (names[0] === "metadata") return [invalid(field, jsonPath, "must not point to metadata")];
  let schema = version.schema?.openAPIV3Schema as Schema | undefined;
  for (const name of names) schema = schema?.properties?.[name];
  if (schema === undefined)
    return [invalid(field, jsonPath, "does not refer to a field of the schema")];
  const types = ["string", "boolean", "integer"];
  return types.includes(schema.type ?? "") ? [] : [notSupported(field, schema.type, types)];
}
