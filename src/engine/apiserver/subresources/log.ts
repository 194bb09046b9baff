/** GET `/log`: the output of one container of a pod, from the node that runs it. */
import type { LogOptions } from "../../../client/client.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { RequestContext } from "../request-context.ts";
import { guarded } from "../rest/access.ts";
import { readCurrent } from "../rest/get.ts";
import { containerOf } from "./addressed-container.ts";

export interface LogRequest extends Target, Omit<LogOptions, "signal"> {}

/** Throws 400, 404 and 503 before the first byte; the stream may throw later. */
export function logs(
  backend: Backend,
  context: RequestContext,
  request: LogRequest,
): Promise<AsyncIterable<Uint8Array>> {
  return guarded(backend, context, "get", { ...request, subresource: "log" }, () => {
    const { kind, name, namespace, container: asked, ...options } = request;
    const target = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
    const pod = readCurrent(backend, target).object as Pod;
    const container = containerOf(pod, asked);
    const nodeName = pod.spec?.nodeName ?? "";
    if (nodeName === "") throw bad(`pod ${name} does not have a host assigned`);
    const { signal } = context;
    return backend.nodes.get(nodeName).logs(pod, container, {
      ...options,
      container,
      ...(signal === undefined ? {} : { signal }),
    });
  });
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
