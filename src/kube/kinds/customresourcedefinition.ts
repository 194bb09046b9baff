import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { nameColumn, UNKNOWN } from "./columns.ts";
import type { CustomResourceDefinition } from "./crd/crd-object.ts";
import {
  validateDefinition,
  validateDefinitionUpdate,
  validateStoredVersions,
} from "./crd/validation.ts";
import { type Change, rewrite, withDefaults } from "./rewrite.ts";

export type { CustomResourceDefinition };

export const customResourceDefinitions: Kind<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  singular: "customresourcedefinition",
  namespaced: false,
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("apiextensions.k8s.io/v1", "CustomResourceDefinition");
  },
  columns: [
    nameColumn,
    {
      name: "Created At",
      type: "date",
      description: "When the definition was created.",
      cell: ({ metadata }) => metadata.creationTimestamp ?? UNKNOWN,
    },
  ],
  strategy: {
    validateName: dns1123Subdomain,
    prepareForCreate: (definition) => withStoredVersion({ ...definition, status: {} }),
    prepareForUpdate: withStoredVersion,
    default: (definition) =>
      rewrite(definition, [
        ["spec", (spec) => withDefaults(spec, { conversion: { strategy: "None" } })],
        ["spec.names", defaultNames],
      ]),
    validate: validateDefinition,
    validateUpdate: validateDefinitionUpdate,
    validateStatusUpdate: validateStoredVersions,
    allowUnconditionalUpdate: false,
    warnings: ({ spec }) =>
      spec?.conversion?.strategy === "Webhook"
        ? [
            "spec.conversion: conversion webhooks are not called here: the versions of an object differ in apiVersion only",
          ]
        : [],
  },
};

const defaultNames: Change = (names) => {
  if (typeof names.kind !== "string") return names;
  return withDefaults(names, {
    singular: names.kind.toLowerCase(),
    listKind: `${names.kind}List`,
  });
};

/** Remembers every version that objects may be stored in. */
function withStoredVersion(definition: CustomResourceDefinition): CustomResourceDefinition {
  const versions: unknown = definition.spec?.versions;
  if (!Array.isArray(versions)) return definition;
  const entries: readonly unknown[] = versions;
  const storage = entries.find((version) => isObject(version) && version.storage === true);
  const name = isObject(storage) ? storage.name : undefined;
  const given = definition.status?.storedVersions;
  const stored = Array.isArray(given) ? given : [];
  if (typeof name !== "string" || stored.includes(name)) return definition;
  return { ...definition, status: { ...definition.status, storedVersions: [...stored, name] } };
}
