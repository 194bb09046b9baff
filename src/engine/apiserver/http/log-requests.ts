/** GET of a pod's `log`: plain text, streamed as it comes. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { LogOptions } from "../../../client/client.ts";
import type { ApiServer } from "../api-server.ts";
import { type Call, contextOf, flag, integer } from "./call.ts";

export async function streamLogs(server: ApiServer, call: Call, name: string): Promise<void> {
  const { namespace } = call.path;
  const pieces = await server.logs(contextOf(call), {
    kind: call.served,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...logOptions(call.query, call.signal),
  });
  const stream = call.response as Writable;
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    // Whether there is a log is known with its first piece: until then an error can be a Status.
    let step = await iterator.next();
    call.response.statusCode = 200;
    call.response.setHeader("content-type", "text/plain; charset=utf-8");
    (call.response as { flushHeaders(): void }).flushHeaders();
    for (; step.done !== true; step = await iterator.next()) {
      if (call.signal.aborted) return;
      if (step.value.length > 0 && !stream.write(step.value))
        await once(stream, "drain", { signal: call.signal });
    }
    stream.end();
  } catch (error) {
    if (!call.signal.aborted) throw error;
  } finally {
    await iterator.return?.();
  }
}

/** Throws 400. */
export function logOptions(query: URLSearchParams, signal: AbortSignal): LogOptions {
  const container = query.get("container");
  const sinceTime = query.get("sinceTime");
  const numbers = {
    sinceSeconds: integer(query, "sinceSeconds"),
    tailLines: integer(query, "tailLines"),
    limitBytes: integer(query, "limitBytes"),
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return {
    follow: flag(query, "follow"),
    previous: flag(query, "previous"),
    timestamps: flag(query, "timestamps"),
    signal,
    ...Object.fromEntries(given),
    ...(container === null || container === "" ? {} : { container }),
    ...(sinceTime === null || sinceTime === "" ? {} : { sinceTime }),
  };
}
