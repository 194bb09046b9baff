/**
 * A problem with one field, in the vocabulary of Kubernetes' `field.Error`
 * (k8s.io/apimachinery/pkg/util/validation/field): the reason is that of a `Status` cause.
 */
export type FieldErrorReason =
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "FieldValueNotFound";

export interface FieldError {
  readonly reason: FieldErrorReason;
  /** Kubernetes field path: `spec.containers[0].ports[1].name`, `metadata.labels[app]`. */
  readonly field: string;
  /** The rule that was broken, without the path: `must be greater than 0`. */
  readonly detail: string;
  /** The offending value, shown in the message. Leave out for secrets. */
  readonly value?: unknown;
}

const PREFIX: Record<FieldErrorReason, string> = {
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueTypeInvalid: "Invalid value",
  FieldValueNotFound: "Not found",
};

/** `Invalid value: 0: must be greater than 0`: the message of a `Status` cause, without the path. */
export function fieldErrorMessage(error: FieldError): string {
  const shown = error.value === undefined ? "" : `: ${JSON.stringify(error.value)}`;
  return `${PREFIX[error.reason]}${shown}${error.detail === "" ? "" : `: ${error.detail}`}`;
}
