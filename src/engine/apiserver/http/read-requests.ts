/** GET: objects, lists and their Table and metadata-only forms. */
import type { Kind } from "../../../kube/kind.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { ApiServer } from "../api-server.ts";
import type { Encoded } from "../encoded.ts";
import type { ListRequest, ListResult } from "../rest/list.ts";
import { type Accepted, negotiate } from "./accept.ts";
import { type Call, contextOf, flag, integer, kindOf } from "./call.ts";
import { addWarnings, sendBytes, sendJson } from "./response.ts";
import { listType, partialMetadata, tableOf, type TableOptions } from "./table.ts";

export async function getObject(server: ApiServer, call: Call, name: string): Promise<void> {
  const { namespace, subresource } = call.path;
  const accepted = negotiate(call.request.headers.accept, ["Table", "PartialObjectMetadata"]);
  const resourceVersion = call.query.get("resourceVersion");
  const encoded = await server.get(contextOf(call), {
    kind: call.served,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
    ...(resourceVersion === null || resourceVersion === "" ? {} : { resourceVersion }),
  });
  sendObject(call, 200, encoded, accepted);
}

/** One object, in the form that the client asked for. */
export function sendObject(call: Call, code: number, encoded: Encoded, accepted?: Accepted): void {
  addWarnings(call.response, call.warnings);
  const as =
    accepted?.as ?? negotiate(call.request.headers.accept, ["Table", "PartialObjectMetadata"]).as;
  const { object } = encoded;
  if (as === "Table" && object.kind === kindOf(call).kind) {
    const { resourceVersion } = object.metadata;
    const meta = resourceVersion === undefined ? {} : { resourceVersion };
    sendJson(call.response, code, tableOf(kindOf(call), [object], meta, tableOptions(call.query)));
  } else if (as === "PartialObjectMetadata") sendJson(call.response, code, partialMetadata(object));
  else sendBytes(call.response, code, encoded.json);
}

export async function listObjects(server: ApiServer, call: Call): Promise<void> {
  const accepted = negotiate(call.request.headers.accept, ["Table", "PartialObjectMetadataList"]);
  sendList(call, await server.list(contextOf(call), listRequest(call)), accepted);
}

export function listRequest(call: Call): ListRequest {
  const { query, path, served } = call;
  const text = (name: string): string | undefined => query.get(name) ?? undefined;
  return {
    kind: served,
    namespace: path.namespace,
    labelSelector: text("labelSelector"),
    fieldSelector: text("fieldSelector"),
    limit: integer(query, "limit"),
    continue: text("continue"),
    resourceVersion: text("resourceVersion"),
    resourceVersionMatch: text("resourceVersionMatch"),
    ...(query.has("sendInitialEvents")
      ? { sendInitialEvents: flag(query, "sendInitialEvents") }
      : {}),
  };
}

export function sendList(call: Call, result: ListResult, accepted?: Accepted): void {
  addWarnings(call.response, call.warnings);
  const kind = kindOf(call);
  const { items, ...metadata } = result;
  const objects = (): KubeObject[] => items.map((item) => item.object);
  if (accepted?.as === "Table") {
    sendJson(call.response, 200, tableOf(kind, objects(), metadata, tableOptions(call.query)));
  } else if (accepted?.as === "PartialObjectMetadataList") {
    const list = {
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: objects().map(partialMetadata),
    };
    sendJson(call.response, 200, list);
  } else sendBytes(call.response, 200, listBytes(kind, metadata, items));
}

const COMMA = Buffer.from(",");
const LIST_END = Buffer.from("]}");

/** The list around its items' bytes, which are not encoded again. */
function listBytes(kind: Kind, metadata: object, items: readonly Encoded[]): Buffer[] {
  const head = JSON.stringify({ ...listType(kind), metadata });
  const pieces: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  items.forEach((item, index) => {
    if (index > 0) pieces.push(COMMA);
    pieces.push(item.json);
  });
  pieces.push(LIST_END);
  // One buffer per response: many small writes cost more than one copy.
  return [Buffer.concat(pieces)];
}

export function tableOptions(query: URLSearchParams): TableOptions {
  const asked = query.get("includeObject");
  const includeObject = asked === "None" || asked === "Object" ? asked : "Metadata";
  return { nowMs: Date.now(), includeObject, withColumns: true };
}
