/** GET with `watch=true`: a stream of events, one JSON document per line. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { ApiServer } from "../api-server.ts";
import type { ObjectEvent, WatchEvent } from "../watch/watch-event.ts";
import { type Accepted, negotiate } from "./accept.ts";
import { type Call, contextOf, flag, integer, kindOf } from "./call.ts";
import { listRequest, tableOptions } from "./read-requests.ts";
import { partialMetadata, tableOf } from "./table.ts";

/** The encoded line of an event, shared by all watchers that see the event. */
const lines = new WeakMap<ObjectEvent, Buffer>();

export async function watchObjects(server: ApiServer, call: Call): Promise<void> {
  const accepted = negotiate(call.request.headers.accept, ["Table", "PartialObjectMetadata"]);
  const { kind, namespace, labelSelector, fieldSelector, resourceVersion, ...rest } =
    listRequest(call);
  const timeoutSeconds = integer(call.query, "timeoutSeconds");
  const watch = await server.watch(contextOf(call), {
    kind,
    namespace,
    labelSelector,
    fieldSelector,
    resourceVersion,
    resourceVersionMatch: rest.resourceVersionMatch,
    sendInitialEvents: rest.sendInitialEvents,
    continue: rest.continue,
    allowBookmarks: flag(call.query, "allowWatchBookmarks"),
    ...(timeoutSeconds === undefined || timeoutSeconds <= 0 ? {} : { timeoutSeconds }),
  });
  const onAbort = (): void => watch.close();
  call.signal.addEventListener("abort", onAbort, { once: true });
  if (call.signal.aborted) watch.close();
  try {
    call.response.statusCode = 200;
    call.response.setHeader("content-type", "application/json");
    call.response.setHeader("cache-control", "no-cache, private");
    (call.response as { flushHeaders(): void }).flushHeaders();
    const encode = encoder(call, accepted);
    const stream = call.response as Writable;
    for (let events = await watch.next(); events !== undefined; events = await watch.next()) {
      const bytes = Buffer.concat(events.map(encode));
      if (call.signal.aborted) return;
      if (!stream.write(bytes)) await once(stream, "drain", { signal: call.signal });
    }
    stream.end();
  } catch (error) {
    if (!call.signal.aborted) throw error;
  } finally {
    call.signal.removeEventListener("abort", onAbort);
    watch.close();
  }
}

function encoder(call: Call, accepted: Accepted): (event: WatchEvent) => Buffer {
  const kind = kindOf(call);
  let withColumns = true;
  return (event) => {
    if (event.type === "BOOKMARK") return bookmarkLine(call, event, accepted);
    const { object } = event.encoded;
    if (accepted.as === "Table") {
      const options = { ...tableOptions(call.query), withColumns };
      withColumns = false;
      const { resourceVersion = "" } = object.metadata;
      return jsonLine({
        type: event.type,
        object: tableOf(kind, [object], { resourceVersion }, options),
      });
    }
    if (accepted.as === "PartialObjectMetadata")
      return jsonLine({ type: event.type, object: partialMetadata(object) });
    return objectLine(event);
  };
}

function objectLine(event: ObjectEvent): Buffer {
  let line = lines.get(event);
  if (line === undefined) {
    const head = Buffer.from(`{"type":"${event.type}","object":`);
    line = Buffer.concat([head, event.encoded.json, Buffer.from("}\n")]);
    lines.set(event, line);
  }
  return line;
}

function bookmarkLine(
  call: Call,
  event: Extract<WatchEvent, { type: "BOOKMARK" }>,
  accepted: Accepted,
): Buffer {
  const { kind, group, version } = kindOf(call);
  const metadata = {
    resourceVersion: event.resourceVersion,
    creationTimestamp: null,
    ...(event.initialEventsEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
  };
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const object =
    accepted.as === "Table"
      ? { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata, columnDefinitions: null, rows: [] }
      : accepted.as === "PartialObjectMetadata"
        ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata }
        : { kind, apiVersion, metadata };
  return jsonLine({ type: "BOOKMARK", object });
}

const jsonLine = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);
