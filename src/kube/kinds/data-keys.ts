/** Rules that ConfigMaps and Secrets share: keys are file names, size is bounded, `immutable` is final. */
import { deepEqual } from "../equality.ts";
import type { FieldError } from "../field-error.ts";
import { configKey } from "../names.ts";
import { forbidden, named, tooLong } from "./field-problems.ts";

/** 1 MiB of values in one object, as upstream. */
export const MAX_DATA_BYTES = 1024 * 1024;

export function validateDataKeys(
  data: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) => named(`${field}[${key}]`, key, configKey));
}

export function validateDataSize(sizeBytes: number): FieldError[] {
  return sizeBytes > MAX_DATA_BYTES ? [tooLong("data", MAX_DATA_BYTES)] : [];
}

/** Bytes that a base64 text stands for. */
export function base64Length(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return Math.floor((text.length * 3) / 4) - padding;
}

type WithImmutable<F extends string> = { readonly immutable?: boolean } & {
  readonly [field in F]?: unknown;
};

/** Once `immutable` is true, neither it nor the data changes. */
export function validateImmutable<F extends string>(
  next: WithImmutable<F>,
  previous: WithImmutable<F>,
  dataFields: readonly F[],
): FieldError[] {
  if (previous.immutable !== true) return [];
  const detail = "field is immutable when `immutable` is set";
  const errors = next.immutable === true ? [] : [forbidden("immutable", detail)];
  const changed = dataFields.filter(
    (field) => !deepEqual(next[field] ?? {}, previous[field] ?? {}),
  );
  return [...errors, ...changed.map((field) => forbidden(field, detail))];
}
