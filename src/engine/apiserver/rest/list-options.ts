/** Which combinations of `resourceVersion`, `resourceVersionMatch` and `continue` make sense. */
import type { FieldError } from "../../../kube/field-error.ts";
import { StatusError } from "../../../kube/status-error.ts";

export interface RevisionOptions {
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  readonly continue?: string | undefined;
  readonly sendInitialEvents?: boolean | undefined;
}

const MATCHES = ["Exact", "NotOlderThan"];
const LIST_OPTIONS = { group: "meta.k8s.io", kind: "ListOptions" };

/** Throws 422 `Invalid`, as upstream's `ValidateListOptions`, or 400 for a revision beside a continue token. */
export function checkListOptions(options: RevisionOptions): void {
  const match = options.resourceVersionMatch ?? "";
  const errors: FieldError[] = [];
  if (match !== "") {
    if (isEmpty(options.resourceVersion))
      errors.push(
        forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"),
      );
    if (!isEmpty(options.continue))
      errors.push(forbidden("resourceVersionMatch is forbidden when continue is provided"));
    if (!MATCHES.includes(match)) errors.push(unsupported(match));
    if (match === "Exact" && options.resourceVersion === "0")
      errors.push(forbidden('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'));
  }
  if (options.sendInitialEvents !== undefined)
    errors.push({
      reason: "FieldValueForbidden",
      field: "sendInitialEvents",
      detail: "sendInitialEvents is forbidden for list",
    });
  if (errors.length > 0) throw StatusError.invalid(LIST_OPTIONS, "", errors);
  if (
    !isEmpty(options.continue) &&
    !isEmpty(options.resourceVersion) &&
    options.resourceVersion !== "0"
  ) {
    throw StatusError.of(
      "BadRequest",
      "specifying resource version is not allowed when using continue",
    );
  }
}

/** Throws 422 `Invalid`: initial events and `NotOlderThan` belong together. */
export function checkWatchOptions(options: RevisionOptions): void {
  const match = options.resourceVersionMatch ?? "";
  const errors: FieldError[] = [];
  if (options.sendInitialEvents !== undefined && match !== "NotOlderThan")
    errors.push(
      forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    );
  if (options.sendInitialEvents === undefined && match !== "")
    errors.push(
      forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    );
  if (!isEmpty(options.continue))
    errors.push({
      reason: "FieldValueForbidden",
      field: "continue",
      detail: "continue is forbidden for watch",
    });
  if (errors.length > 0) throw StatusError.invalid(LIST_OPTIONS, "", errors);
}

const isEmpty = (text: string | undefined): boolean => text === undefined || text === "";

const forbidden = (detail: string): FieldError => ({
  reason: "FieldValueForbidden",
  field: "resourceVersionMatch",
  detail,
});
const unsupported = (value: string): FieldError => ({
  reason: "FieldValueNotSupported",
  field: "resourceVersionMatch",
  value,
  detail: `supported values: ${MATCHES.map((match) => JSON.stringify(match)).join(", ")}`,
});
