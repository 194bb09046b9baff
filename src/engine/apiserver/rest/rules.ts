/** The rules of a kind, applied in the order that `Strategy` promises. */
import type { FieldError } from "../../../kube/field-error.ts";
import type { Kind } from "../../../kube/kind.ts";
import { validateMetadata, validateMetadataUpdate } from "../../../kube/kinds/metadata.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { applyDefaults } from "../../../kube/schema/defaults.ts";
import { prune } from "../../../kube/schema/prune.ts";
import { validate } from "../../../kube/schema/validate.ts";
import { StatusError } from "../../../kube/status-error.ts";

/**
 * The object in the form of its kind: schema defaults, nothing that the schema does not know, then
 * the defaults that depend on other fields. Throws 422 where the schema does not allow a value: what
 * comes after may rely on the types.
 */
export function complete(kind: Kind, object: KubeObject): KubeObject {
  const known = prune(kind.schema, applyDefaults(kind.schema, object));
  const defaulted = kind.strategy.default?.(known) ?? known;
  refuse(kind, object, validate(kind.schema, defaulted));
  return defaulted;
}

/** Throws 422 `Invalid` listing everything that is wrong with a new object. */
export function validateNew(kind: Kind, object: KubeObject): void {
  refuse(kind, object, [
    ...validateMetadata(object, kind),
    ...(kind.strategy.validate?.(object) ?? []),
  ]);
}

/** Throws 422 for what is wrong with the object, or with changing the previous one into it. */
export function validateChange(
  kind: Kind,
  object: KubeObject,
  previous: KubeObject,
  subresource: string | undefined,
): void {
  const { strategy } = kind;
  const own =
    subresource === "status"
      ? (strategy.validateStatusUpdate?.(object, previous) ?? [])
      : [
          ...(strategy.validate?.(object) ?? []),
          ...(strategy.validateUpdate?.(object, previous) ?? []),
        ];
  refuse(kind, object, [
    ...validateMetadata(object, kind),
    ...validateMetadataUpdate(object, previous),
    ...own,
  ]);
}

function refuse(kind: Kind, object: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw StatusError.invalid(kind, object.metadata.name, errors);
}
