/** The agents that can be reached right now, by the name of their node. */
import { StatusError } from "../../kube/status-error.ts";
import type { NodeConnection } from "./node-connection.ts";

export class NodeConnections {
  readonly #byNode = new Map<string, NodeConnection>();

  /** A newer connection of the same node takes over. The returned function takes this one away. */
  connect(nodeName: string, connection: NodeConnection): () => void {
    this.#byNode.set(nodeName, connection);
    return () => {
      if (this.#byNode.get(nodeName) === connection) this.#byNode.delete(nodeName);
    };
  }

  /** Those that are connected. */
  all(): ReadonlyMap<string, NodeConnection> {
    return this.#byNode;
  }

  /** Throws 503 when the agent is not connected. */
  get(nodeName: string): NodeConnection {
    const connection = this.#byNode.get(nodeName);
    if (connection !== undefined) return connection;
    throw StatusError.of(
      "ServiceUnavailable",
      `the agent of node ${JSON.stringify(nodeName)} is not connected: try again when the node is back`,
      { retryAfterSeconds: 1 },
    );
  }
}
