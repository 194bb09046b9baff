/** Reads one object. */
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import { storeKeyOf, type Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import { present } from "../present.ts";
import { isMetrics } from "../metrics/metrics-kinds.ts";
import { getMetrics } from "../metrics/read-metrics.ts";
import type { RequestContext } from "../request-context.ts";
import { parseResourceVersion, waitForRevision } from "../resource-version.ts";
import { viewOf } from "../subresources/views.ts";
import { guarded } from "./access.ts";

export interface GetRequest extends Target {
  readonly subresource?: string;
  /** The answer is at least as new; reads are always current, so only the future matters. */
  readonly resourceVersion?: string;
}

/** Throws 404 when there is no such object. */
export function get(
  backend: Backend,
  context: RequestContext,
  request: GetRequest,
): Promise<Encoded> {
  return guarded(backend, context, "get", request, async () => {
    if (isMetrics(request.kind)) return getMetrics(backend, request);
    const revision = parseResourceVersion(request.resourceVersion);
    if (revision !== undefined && revision > backend.store.revision) {
      await waitForRevision(backend, revision, context.signal);
    }
    return viewOf(request.kind, request.subresource).read(readCurrent(backend, request));
  });
}

/** The object as it is now, in the served version. Throws 404. */
export function readCurrent(backend: Backend, target: Target): Encoded<KubeObject> {
  const stored = backend.store.get(storeKeyOf(target));
  if (stored === undefined) throw StatusError.notFound(target.kind.kind, target.name);
  return present(target.kind, stored);
}
