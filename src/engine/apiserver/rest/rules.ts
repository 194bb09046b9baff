/** The rules of a kind, applied in the order that `Strategy` promises. */
import type { FieldError, FieldErrorReason } from "../../../kube/field-error.ts";
import type { Kind } from "../../../kube/kind.ts";
import { validateMetadata, validateMetadataUpdate } from "../../../kube/kinds/metadata.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { applyDefaults } from "../../../kube/schema/defaults.ts";
import { prune } from "../../../kube/schema/prune.ts";
import { validate } from "../../../kube/schema/validate.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { withoutEmptyMetadata } from "./empty-metadata.ts";

/** An object in the form of its kind. */
export interface Completed {
  readonly object: KubeObject;
  /** What the schema finds wrong with values of the right type: told together with what the kind finds. */
  readonly errors: readonly FieldError[];
}

/**
 * Schema defaults, nothing that the schema does not know, then the defaults that depend on other
 * fields. Throws 422 where a type is wrong or a required field missing: what comes after relies on
 * the shape.
 */
export function complete(kind: Kind, object: KubeObject): Completed {
  const known = prune(kind.schema, applyDefaults(kind.schema, withoutEmptyMetadata(object)));
  const defaulted = kind.strategy.default?.(known) ?? known;
  const errors = validate(kind.schema, defaulted);
  if (errors.some(({ reason }) => SHAPE.has(reason))) refuse(kind, object, errors);
  return { object: defaulted, errors };
}

const SHAPE: ReadonlySet<FieldErrorReason> = new Set([
  "FieldValueTypeInvalid",
  "FieldValueRequired",
]);

/** Throws 422 `Invalid` listing everything that is wrong with a new object. */
export function validateNew(
  kind: Kind,
  object: KubeObject,
  known: readonly FieldError[] = [],
): void {
  refuse(kind, object, [
    ...validateMetadata(object, kind),
    ...known,
    ...(kind.strategy.validate?.(object) ?? []),
    ...(kind.strategy.validateCreate?.(object) ?? []),
  ]);
}

/** Throws 422 for what is wrong with the object, or with changing the previous one into it. */
export function validateChange(
  kind: Kind,
  object: KubeObject,
  previous: KubeObject,
  subresource: string | undefined,
  known: readonly FieldError[],
): void {
  const { strategy } = kind;
  const own =
    subresource === "status"
      ? (strategy.validateStatusUpdate?.(object, previous) ?? [])
      : [
          ...(strategy.validate?.(object) ?? []),
          ...(updateRule(kind, subresource)?.(object, previous) ?? []),
        ];
  refuse(kind, object, [
    ...validateMetadata(object, kind),
    ...validateMetadataUpdate(object, previous),
    ...known,
    ...own,
  ]);
}

function updateRule({ strategy }: Kind, subresource: string | undefined) {
  const { validateSubresource = {}, validateUpdate } = strategy;
  return subresource !== undefined && Object.hasOwn(validateSubresource, subresource)
    ? validateSubresource[subresource]
    : validateUpdate;
}

/** A schema and its kind may say the same about a field: it is told once. */
function refuse(kind: Kind, object: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const once = new Map(errors.map((error) => [`${error.reason} ${error.field}`, error]));
  throw StatusError.invalid(kind, object.metadata.name, [...once.values()]);
}
