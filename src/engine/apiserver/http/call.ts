/** One request on its way through the HTTP layer, and how its query is read. */
import type { Kind } from "../../../kube/kind.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { ServedKind } from "../registry.ts";
import type { FieldValidation, RequestContext, UserInfo } from "../request-context.ts";
import type { HttpRequest } from "./request-body.ts";
import type { ResourcePath } from "./request-path.ts";
import type { HttpResponse } from "./response.ts";

export interface Call {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  readonly path: ResourcePath;
  readonly served: ServedKind;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly warnings: string[];
}

export const kindOf = (call: Call): Kind => call.served.kind;

export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "false" && value !== "0";
}

/** Throws 400 for what is no number. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === "") return undefined;
  if (!/^-?\d{1,15}$/.test(value))
    throw StatusError.of(
      "BadRequest",
      `the query parameter ${name} must be an integer, not ${JSON.stringify(value)}`,
    );
  return Number(value);
}

const FIELD_VALIDATION: readonly FieldValidation[] = ["Strict", "Warn", "Ignore"];

export function contextOf(call: Call, decodeWarnings: readonly string[] = []): RequestContext {
  const { query, request, user, signal, warnings } = call;
  const fieldManager = query.get("fieldManager");
  const userAgent = request.headers["user-agent"];
  const asked = query.get("fieldValidation");
  const fieldValidation = FIELD_VALIDATION.find((mode) => mode === asked);
  if (asked !== null && asked !== "" && fieldValidation === undefined)
    throw StatusError.of(
      "Invalid",
      `fieldValidation: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Strict", "Warn"`,
    );
  return {
    user,
    signal,
    warn: (text) => void warnings.push(text),
    dryRun: isDryRun(query),
    decodeWarnings,
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
    ...(fieldManager === null || fieldManager === "" ? {} : { fieldManager }),
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll("dryRun");
  const wrong = values.find((value) => value !== "All" && value !== "");
  if (wrong !== undefined)
    throw StatusError.of(
      "Invalid",
      `dryRun: Unsupported value: ${JSON.stringify(wrong)}: supported values: "All"`,
    );
  return values.includes("All");
}
