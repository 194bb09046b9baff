import type { ConfigMap as UpstreamConfigMap } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import {
  base64Length,
  validateDataKeys,
  validateDataSize,
  validateImmutable,
} from "./data-keys.ts";
import { invalid } from "./field-problems.ts";
import { utf8Length } from "./metadata.ts";

export type ConfigMap = Live<UpstreamConfigMap>;

export const configMaps: Kind<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  singular: "configmap",
  namespaced: true,
  shortNames: ["cm"],
  get schema() {
    return builtinSchema("v1", "ConfigMap");
  },
  columns: [
    nameColumn,
    textColumn(
      "Data",
      "Number of entries.",
      ({ data, binaryData }) =>
        Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    ),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateConfigMap,
    validateUpdate: (next, previous) => validateImmutable(next, previous, ["data", "binaryData"]),
  },
};

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors = [...validateDataKeys(data, "data"), ...validateDataKeys(binaryData, "binaryData")];
  for (const key of Object.keys(data)) {
    if (!Object.hasOwn(binaryData, key)) continue;
    errors.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
  }
  let sizeBytes = 0;
  for (const text of Object.values(data)) sizeBytes += utf8Length(text);
  for (const text of Object.values(binaryData)) sizeBytes += base64Length(text);
  return [...errors, ...validateDataSize(sizeBytes)];
}
