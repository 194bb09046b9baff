/** Runs an object through what a kind does with a write, as the API server does. */
import type { FieldError } from "../../../src/kube/field-error.ts";
import { fieldErrorMessage } from "../../../src/kube/field-error.ts";
import type { Kind } from "../../../src/kube/kind.ts";
import { validateMetadata } from "../../../src/kube/kinds/metadata.ts";
import { apiVersionOf, type KubeObject } from "../../../src/kube/object.ts";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import { prune } from "../../../src/kube/schema/prune.ts";
import { validate } from "../../../src/kube/schema/validate.ts";

export type Draft = Readonly<Record<string, unknown>>;

/** An object of the kind named `web`, with the rest as given. */
export function draft<T extends KubeObject>(kind: Kind<T>, rest: Draft = {}): T {
  const metadata = {
    name: "web",
    ...(kind.namespaced ? { namespace: "default" } : {}),
    ...(rest.metadata as object | undefined),
  };
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, ...rest, metadata } as unknown as T;
}

/** The object as it would be stored. */
export function completed<T extends KubeObject>(kind: Kind<T>, rest: Draft = {}): T {
  const object = draft(kind, rest);
  const prepared = kind.strategy.prepareForCreate?.(object) ?? object;
  const filled = prune(kind.schema, applyDefaults(kind.schema, prepared));
  return kind.strategy.default?.(filled) ?? filled;
}

/** What is wrong with it, as `field: message`: what the schema says, else what the kind says. */
export function problems<T extends KubeObject>(kind: Kind<T>, rest: Draft = {}): string[] {
  const object = completed(kind, rest);
  const misshapen = validate(kind.schema, object);
  if (misshapen.length > 0) return shown(misshapen);
  return shown([...validateMetadata(object, kind), ...(kind.strategy.validate?.(object) ?? [])]);
}

export function shown(errors: readonly FieldError[]): string[] {
  return errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

/** The cells of `kubectl get`, by column name. */
export function cells<T extends KubeObject>(
  kind: Kind<T>,
  object: T,
  now = "2026-01-01T00:00:00Z",
): Record<string, string | number | boolean | null> {
  const nowMs = Date.parse(now);
  return Object.fromEntries(
    kind.columns.map((column) => [column.name, column.cell(object, { nowMs })]),
  );
}
