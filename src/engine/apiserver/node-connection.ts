/** How the API server reaches the agent of a node, for what only the node knows. */
import type { LogOptions } from "../../client/client.ts";
import type { KubeObject } from "../../kube/object.ts";

export interface NodeConnection {
  /** Output of one container; a first, empty piece says that there is a log. Throws `StatusError` (400 when the container has not started, 404 when there is no such container). */
  logs(pod: KubeObject, container: string, options: LogOptions): AsyncIterable<Uint8Array>;
}
