/** `DeleteOptions` of a request: from its body, or from the query as older clients send them. Pure. */
import { isObject } from "../../../kube/json-object.ts";
import type { JsonObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { DeletionOptions } from "../rest/plan-deletion.ts";

const PROPAGATION = ["Background", "Foreground", "Orphan"] as const;
const quoted = PROPAGATION.map((policy) => JSON.stringify(policy)).join(", ");

export interface AskedDeletion {
  readonly options: DeletionOptions;
  readonly dryRun: boolean;
}

/** Throws 400 for fields of the wrong type, 422 for values that there are not. */
export function deletionOptions(
  body: JsonObject,
  query: { readonly gracePeriodSeconds: number | undefined; readonly propagationPolicy: string },
): AskedDeletion {
  const grace = body["gracePeriodSeconds"] ?? query.gracePeriodSeconds;
  if (grace !== undefined && (typeof grace !== "number" || !Number.isInteger(grace)))
    throw bad("gracePeriodSeconds must be an integer");
  return {
    dryRun: isDryRun(body["dryRun"] ?? []),
    options: {
      gracePeriodSeconds: grace,
      propagationPolicy: propagationOf(body, query.propagationPolicy),
      preconditions: preconditionsOf(body["preconditions"] ?? {}),
    },
  };
}

function isDryRun(values: unknown): boolean {
  if (!Array.isArray(values)) throw bad("dryRun must be a list of strings");
  const wrong = (values as unknown[]).find((value) => value !== "All");
  if (wrong !== undefined) throw unsupported("dryRun", wrong, '"All"');
  return values.length > 0;
}

function propagationOf(
  body: JsonObject,
  fromQuery: string,
): (typeof PROPAGATION)[number] | undefined {
  const asked = body["propagationPolicy"] ?? fromQuery;
  const found = PROPAGATION.find((policy) => policy === asked);
  if (asked !== "" && found === undefined) throw unsupported("propagationPolicy", asked, quoted);
  // The field that `propagationPolicy` replaced.
  const { orphanDependents } = body;
  if (found !== undefined || orphanDependents === undefined) return found;
  if (typeof orphanDependents !== "boolean") throw bad("orphanDependents must be a boolean");
  return orphanDependents ? "Orphan" : "Background";
}

/** A condition that is not understood must not count as met. */
function preconditionsOf(value: unknown): DeletionOptions["preconditions"] {
  if (!isObject(value)) throw bad("preconditions must be an object");
  const { uid, resourceVersion } = value;
  for (const condition of [uid, resourceVersion])
    if (condition !== undefined && condition !== null && typeof condition !== "string")
      throw bad("preconditions must be strings");
  return {
    ...(typeof uid === "string" ? { uid } : {}),
    ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
  };
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
const unsupported = (field: string, value: unknown, supported: string): StatusError =>
  StatusError.of(
    "Invalid",
    `${field}: Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`,
  );
