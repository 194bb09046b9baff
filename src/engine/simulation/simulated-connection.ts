/** What the API server learns of simulated nodes beyond the API: the output of containers. */
import type { LogOptions } from "../../client/client.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { NodeConnection } from "../apiserver/node-connection.ts";
import { SIMULATION_PREFIX } from "./annotations.ts";

/** Containers print what their annotation says, once. */
export const simulatedConnection: NodeConnection = {
  async *logs(
    { metadata: { annotations = {} } }: KubeObject,
    container: string,
    { limitBytes }: LogOptions,
  ): AsyncGenerator<Uint8Array> {
    const text =
      annotations[`${SIMULATION_PREFIX}log.${container}`] ??
      annotations[`${SIMULATION_PREFIX}log`] ??
      "";
    const bytes = Buffer.from(text === "" || text.endsWith("\n") ? text : `${text}\n`);
    yield limitBytes === undefined ? bytes : bytes.subarray(0, limitBytes);
  },
};
