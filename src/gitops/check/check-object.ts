/** Everything that can be said about one object by itself. */
import type { FieldError } from "../../kube/field-error.ts";
import type { Kind } from "../../kube/kind.ts";
import {
  validateAnnotations,
  validateLabels,
  validateMetadata,
} from "../../kube/kinds/metadata.ts";
import type { KubeObject } from "../../kube/object.ts";
import { applyDefaults } from "../../kube/schema/defaults.ts";
import { prune } from "../../kube/schema/prune.ts";
import type { Schema } from "../../kube/schema/schema.ts";
import { unknownFields } from "../../kube/schema/unknown-fields.ts";
import { validate } from "../../kube/schema/validate.ts";
import type { Manifest } from "../render/manifest.ts";
import { lifecycleOf } from "./api-lifecycle.ts";
import type { Finding } from "./finding.ts";
import { at, fieldFinding, unknownFieldFinding } from "./field-finding.ts";
import { type JsonSchemaCheck, kindKey } from "./json-schemas.ts";
import { isBuiltinGroup, type KnownKinds } from "./known-kinds.ts";

export interface ObjectCheckOptions {
  readonly kinds: KnownKinds;
  readonly kubernetesVersion: string;
  /** Kinds of other groups than Kubernetes' own that nobody has defined. */
  readonly unknownKinds: "error" | "warning" | "ignore";
  /** Schemas that the user brought, for kinds that nobody has defined. */
  readonly jsonSchemas?: ReadonlyMap<string, JsonSchemaCheck> | undefined;
}

export function checkObject(manifest: Manifest, options: ObjectCheckOptions): Finding[] {
  const { apiVersion, kind } = manifest.object;
  const lifecycle = checkLifecycle(manifest, options.kubernetesVersion);
  // What no release serves any more has no schema either.
  if (lifecycle?.severity === "error") return [lifecycle];
  const findings = lifecycle === undefined ? [] : [lifecycle];
  const known = options.kinds.find(apiVersion, kind);
  if (known === undefined) {
    const check = options.jsonSchemas?.get(kindKey({ apiVersion, kind }));
    if (check !== undefined)
      return [
        ...findings,
        ...check(manifest.object).map((error) => fieldFinding(manifest, error, "schema")),
      ];
    if (lifecycle === undefined) findings.push(...checkUnknownKind(manifest, options));
    return findings;
  }
  if (known.schema === undefined) return findings;
  const broken = checkSchema(manifest, known.schema);
  findings.push(...broken);
  // Rules beyond the schema rely on it.
  if (broken.some((finding) => finding.rule !== "schema/unknown-field")) return findings;
  findings.push(...checkRules(manifest, known.kind, known.schema));
  return findings;
}

function checkLifecycle(manifest: Manifest, kubernetesVersion: string): Finding | undefined {
  const { apiVersion, kind } = manifest.object;
  const lifecycle = lifecycleOf(apiVersion, kind, kubernetesVersion);
  if (lifecycle === undefined) return undefined;
  const { state, release } = lifecycle;
  const subject = `${kind} in ${apiVersion}`;
  if (state === "too-new")
    return at(manifest, "apiVersion", "value", {
      severity: "error",
      rule: "api/too-new",
      message: `${subject} exists since Kubernetes ${release} only, the target is ${kubernetesVersion}`,
      suggestion: "Use an older version of the API, or validate for a newer Kubernetes",
    });
  const removed = state === "removed";
  return at(manifest, "apiVersion", "value", {
    severity: removed ? "error" : "warning",
    rule: `api/${state}`,
    message: removed
      ? `${subject} was removed in Kubernetes ${release}`
      : `${subject} is deprecated and removed in Kubernetes ${release}`,
    suggestion: `Use ${lifecycle.replacement}`,
  });
}

function checkUnknownKind(manifest: Manifest, options: ObjectCheckOptions): Finding[] {
  const { apiVersion, kind } = manifest.object;
  const builtin = isBuiltinGroup(apiVersion);
  if (!builtin && options.unknownKinds === "ignore") return [];
  const suggestion = options.kinds.suggest(apiVersion, kind);
  return [
    at(manifest, "kind", "value", {
      severity: builtin ? "error" : options.unknownKinds === "error" ? "error" : "warning",
      rule: "schema/unknown-kind",
      message: `there is no kind ${kind} in ${apiVersion}`,
      suggestion:
        suggestion ??
        (builtin
          ? "Check kind and apiVersion: kubectl api-resources lists them"
          : "Add its CustomResourceDefinition to the input"),
    }),
  ];
}

function checkSchema(manifest: Manifest, schema: Schema): Finding[] {
  const { object } = manifest;
  return [
    ...unknownFields(schema, object).map((field) => unknownFieldFinding(manifest, field, schema)),
    ...validate(schema, object).map((error) => fieldFinding(manifest, error, "schema")),
  ];
}

function checkRules(manifest: Manifest, kind: Kind | undefined, schema: Schema): Finding[] {
  const { object } = manifest;
  if (kind === undefined) {
    const { labels, annotations } = object.metadata;
    return toFindings(manifest, [
      ...validateLabels(labels, "metadata.labels"),
      ...validateAnnotations(annotations, "metadata.annotations"),
    ]);
  }
  // As the API server does: known fields only, with defaults, in some namespace.
  const known = prune(schema, applyDefaults(schema, inSomeNamespace(object, kind)));
  const complete = kind.strategy.default?.(known) ?? known;
  return [
    ...toFindings(manifest, [
      ...validateMetadata(complete, kind),
      ...(kind.strategy.validate?.(complete) ?? []),
    ]),
    ...(kind.strategy.warnings?.(object) ?? []).map((warning) => warningFinding(manifest, warning)),
  ];
}

/** Which namespace is not for the manifest alone to say; nor is one that does not belong dropped here. */
function inSomeNamespace(object: KubeObject, { namespaced }: Kind): KubeObject {
  const { namespace, ...metadata } = object.metadata;
  if (!namespaced) return namespace === undefined ? object : { ...object, metadata };
  if (namespace !== undefined && namespace !== "") return object;
  return { ...object, metadata: { ...metadata, namespace: "default" } };
}

function toFindings(manifest: Manifest, errors: readonly FieldError[]): Finding[] {
  return errors.map((error) => fieldFinding(manifest, error, "kind"));
}

/** Warnings are sentences, mostly starting with their field path. */
function warningFinding(manifest: Manifest, warning: string): Finding {
  const path = /^([a-z][\w.[\]/-]*): /i.exec(warning)?.[1] ?? "";
  return at(manifest, path, "value", {
    severity: "warning",
    rule: "kind/warning",
    message: warning,
  });
}
