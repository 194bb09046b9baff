/** `/exec`, `/attach` and `/portforward` of a Pod: who may, and the way to the node that runs it. */
import type { Duplex } from "node:stream";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { authorize, type Verb } from "../authorizer.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Begin, ContainerStreams, NodeConnection } from "../node-connection.ts";
import type { RequestContext } from "../request-context.ts";
import { guarded } from "../rest/access.ts";
import { readCurrent } from "../rest/get.ts";
import { containerOf } from "./addressed-container.ts";

export interface StreamRequest extends Target {
  /** Of the request: GET is `get`, POST is `create`. */
  readonly verb: Extract<Verb, "get" | "create">;
}
export interface ContainerRequest extends StreamRequest {
  readonly container?: string;
  readonly stdin: boolean;
}
export interface ExecRequest extends ContainerRequest {
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** Throws 400, 403, 404 and 503; nothing runs before `Begin`. */
export function exec(
  backend: Backend,
  context: RequestContext,
  request: ExecRequest,
): Promise<Begin<ContainerStreams>> {
  return onNode(backend, context, request, "exec", (node, pod) => {
    if (request.command.length === 0)
      throw bad("you must specify at least one command for the container");
    return node.exec(pod, containerOf(pod, request.container), request);
  });
}

/** As `exec`. With a terminal when the container has one. */
export function attach(
  backend: Backend,
  context: RequestContext,
  request: ContainerRequest,
): Promise<Begin<ContainerStreams>> {
  return onNode(backend, context, request, "attach", (node, pod) =>
    node.attach(pod, containerOf(pod, request.container), request),
  );
}

/** As `exec`. The function connects to a port of the pod. */
export function portForward(
  backend: Backend,
  context: RequestContext,
  request: StreamRequest,
): Promise<(port: number) => Promise<Duplex>> {
  return onNode(backend, context, request, "portforward", (node, pod) => node.portForward(pod));
}

function onNode<T>(
  backend: Backend,
  context: RequestContext,
  request: StreamRequest,
  subresource: string,
  use: (node: NodeConnection, pod: Pod) => Promise<T>,
): Promise<T> {
  const { kind, name, namespace, verb } = request;
  const target = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
  const subject = { ...target, subresource };
  return guarded(backend, context, verb, subject, () => {
    // As upstream since 1.35: a GET that runs something needs the right to create it.
    if (verb === "get") {
      const { group, version, plural } = kind.kind;
      const { user } = context;
      const asked = { user, verb: "create", group, version, plural, subresource, name } as const;
      authorize(backend.authorizer, {
        ...asked,
        ...(namespace === undefined ? {} : { namespace }),
      });
    }
    const pod = readCurrent(backend, target).object as Pod;
    const nodeName = pod.spec?.nodeName ?? "";
    if (nodeName === "") throw bad(`pod ${name} does not have a host assigned`);
    return use(backend.nodes.get(nodeName), pod);
  });
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
