/**
 * Errors towards clients are Kubernetes `Status` objects (metav1.Status). Every failure of the API,
 * in process or over HTTP, is one of these.
 */
import { type FieldError, fieldErrorMessage } from "./field-error.ts";

/** The reasons of metav1.StatusReason with the HTTP code of each. */
export const STATUS_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;
export type StatusReason = keyof typeof STATUS_CODES;

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string; readonly resourceVersion?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** The part of a resource that an error names. */
interface Named {
  readonly group: string;
  readonly plural: string;
}
const qualified = (resource: Named): string =>
  resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
const detailsOf = (resource: Named, name: string): StatusDetails => ({
  name,
  ...(resource.group === "" ? {} : { group: resource.group }),
  kind: resource.plural,
});

/** A failed API call. `status` is what goes over the wire. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? "unknown error", options);
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }
  get reason(): string {
    return this.status.reason ?? "";
  }

  /** A failure with the code that belongs to the reason. */
  static of(reason: StatusReason, message: string, details?: StatusDetails): StatusError {
    return new StatusError({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: STATUS_CODES[reason],
    });
  }
  static notFound(resource: Named, name: string): StatusError {
    return StatusError.of(
      "NotFound",
      `${qualified(resource)} "${name}" not found`,
      detailsOf(resource, name),
    );
  }
  static alreadyExists(resource: Named, name: string): StatusError {
    return StatusError.of(
      "AlreadyExists",
      `${qualified(resource)} "${name}" already exists`,
      detailsOf(resource, name),
    );
  }
  static conflict(resource: Named, name: string, message: string): StatusError {
    return StatusError.of(
      "Conflict",
      `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${message}`,
      detailsOf(resource, name),
    );
  }
  /** 422 with one cause per field error, worded as upstream's `errors.NewInvalid`. */
  static invalid(
    resource: { readonly group: string; readonly kind: string },
    name: string,
    errors: readonly FieldError[],
  ): StatusError {
    const causes = errors.map((error) => ({
      reason: error.reason,
      message: fieldErrorMessage(error),
      field: error.field,
    }));
    const lines = causes.map((cause) => `${cause.field}: ${cause.message}`);
    const shown = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
    const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
    return StatusError.of("Invalid", `${kind} "${name}" is invalid: ${shown}`, {
      name,
      ...(resource.group === "" ? {} : { group: resource.group }),
      kind: resource.kind,
      causes,
    });
  }
}

/** Whether an unknown failure is a `Status` of this reason. */
export function isStatus(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && (reasons as string[]).includes(error.reason);
}
