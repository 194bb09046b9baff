/** The frame around every operation: scope check, authorization before, audit after. */
import { StatusError } from "../../../kube/status-error.ts";
import { CompactedError, StoreUnavailableError } from "../../store/store.ts";
import { type AccessRequest, authorize, type Verb } from "../authorizer.ts";
import type { Backend } from "../backend.ts";
import { isMetrics } from "../metrics/metrics-kinds.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";

export interface Subject {
  readonly kind: ServedKind;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/**
 * Runs an operation if the caller may do it. Whatever it throws leaves as a `StatusError`, except
 * broken invariants, and is told to the audit sink.
 */
export async function guarded<T>(
  backend: Backend,
  context: RequestContext,
  verb: Verb,
  subject: Subject,
  operation: () => T | Promise<T>,
): Promise<T> {
  const request = accessRequest(context, verb, subject);
  const startedAtMs = backend.clock.now();
  const audit = (failure?: StatusError): void =>
    backend.audit({
      request,
      ...(context.fieldManager === undefined ? {} : { fieldManager: context.fieldManager }),
      ...(context.userAgent === undefined ? {} : { userAgent: context.userAgent }),
      dryRun: context.dryRun === true,
      startedAtMs,
      finishedAtMs: backend.clock.now(),
      ...(failure === undefined ? {} : { failure }),
    });
  try {
    authorize(backend.authorizer, request);
    checkScope(subject);
    checkVerb(verb, subject);
    const result = await operation();
    audit();
    return result;
  } catch (error) {
    const failure = asStatus(error);
    audit(failure instanceof StatusError ? failure : undefined);
    throw failure;
  }
}

function accessRequest(context: RequestContext, verb: Verb, subject: Subject): AccessRequest {
  const { kind, namespace, name, subresource } = subject;
  const { group, version, plural } = kind.kind;
  return {
    user: context.user,
    verb,
    group,
    version,
    plural,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

/**
 * A namespaced path never reaches a cluster-scoped object, nor the other way round: rights are
 * granted by path (CVE-2019-11247).
 */
function checkScope({ kind: { kind }, namespace, name }: Subject): void {
  if (!kind.namespaced && namespace !== undefined) {
    throw StatusError.of(
      "NotFound",
      `the server could not find the requested resource: ${kind.plural} are not in namespaces`,
    );
  }
  if (kind.namespaced && name !== undefined && (namespace === undefined || namespace === "")) {
    throw StatusError.of(
      "BadRequest",
      `a namespace must be given to address one of ${kind.plural}`,
    );
  }
}

/** What is measured when asked can only be read. */
function checkVerb(verb: Verb, { kind }: Subject): void {
  if (isMetrics(kind) && verb !== "get" && verb !== "list")
    throw StatusError.of(
      "MethodNotAllowed",
      `the server does not allow this method on the requested resource: ${kind.kind.kind} can only be read`,
    );
}

function asStatus(error: unknown): unknown {
  if (error instanceof CompactedError) {
    return StatusError.of("Expired", `too old resource version: ${error.message}`);
  }
  if (error instanceof StoreUnavailableError) {
    return StatusError.of("ServiceUnavailable", error.message, { retryAfterSeconds: 1 });
  }
  return error;
}
