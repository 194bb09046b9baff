/** What the services of one CSI driver are called through. */
import type { UnknownObject } from "../../../kube/json-object.ts";
import type { Secrets } from "../secrets.ts";
import type { CallOptions, DriverAbilities } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import type { CsiConnection } from "./csi-connection.ts";

export interface CsiCalls {
  readonly connection: CsiConnection;
  readonly abilities: DriverAbilities;
  readonly controllerRpcs: ReadonlySet<number>;
  readonly timeoutMs: number | undefined;
}

/** Calls methods of one service. */
export function caller({ connection, timeoutMs }: CsiCalls, service: string) {
  return (
    method: string,
    value: UnknownObject,
    options: CallOptions & { readonly secrets?: Secrets | undefined } = {},
    response = "Empty",
  ): Promise<UnknownObject> =>
    connection.call({
      path: `/csi.v1.${service}/${method}`,
      request: `${method}Request`,
      response,
      value,
      secrets: options.secrets,
      signal: options.signal,
      timeoutMs,
    });
}

/** What is gone already need not be taken away: some drivers say so instead of saying yes. */
export async function gone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof VolumeDriverError) || error.code !== "NotFound") throw error;
  }
}
