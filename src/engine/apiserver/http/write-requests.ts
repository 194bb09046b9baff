/** POST, PUT, PATCH and DELETE. */
import type { Patch } from "../../../client/client.ts";
import { isObject } from "../../../kube/json-object.ts";
import type { JsonObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { ApiServer } from "../api-server.ts";
import { type Call, contextOf, flag, integer, kindOf } from "./call.ts";
import { type AskedDeletion, deletionOptions } from "./deletion-options.ts";
import { listRequest, sendList, sendObject } from "./read-requests.ts";
import {
  type DecodedBody,
  decodeBody,
  mediaType,
  readBody,
  requireObject,
} from "./request-body.ts";
import { addWarnings, sendJson } from "./response.ts";

async function body(call: Call): Promise<DecodedBody> {
  return decodeBody(await readBody(call.request), mediaType(call.request));
}

export async function createObject(server: ApiServer, call: Call): Promise<void> {
  const { namespace, subresource, name } = call.path;
  const { value, warnings } = await body(call);
  const created = await server.create(contextOf(call, warnings), {
    kind: call.served,
    object: requireObject(value),
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
    ...(name === undefined ? {} : { name }),
  });
  sendObject(call, 201, created);
}

export async function replaceObject(server: ApiServer, call: Call, name: string): Promise<void> {
  const { namespace, subresource } = call.path;
  const { value, warnings } = await body(call);
  const updated = await server.update(contextOf(call, warnings), {
    kind: call.served,
    name,
    object: requireObject(value),
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  });
  sendObject(call, 200, updated);
}

const PATCH_TYPES: Readonly<Record<string, Patch["type"]>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

export async function patchObject(server: ApiServer, call: Call, name: string): Promise<void> {
  const { namespace, subresource } = call.path;
  const type = PATCH_TYPES[mediaType(call.request)];
  if (type === undefined)
    throw StatusError.of(
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${Object.keys(PATCH_TYPES).join(", ")}`,
    );
  const { value, warnings } = await body(call);
  if (type === "apply" && (call.query.get("fieldManager") ?? "") === "")
    throw StatusError.of(
      "Invalid",
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const { encoded, created } = await server.patch(contextOf(call, warnings), {
    kind: call.served,
    name,
    patch: patchOf(type, value),
    force: flag(call.query, "force"),
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  });
  sendObject(call, created ? 201 : 200, encoded);
}

function patchOf(type: Patch["type"], value: unknown): Patch {
  if (type !== "json") return { type, body: requireObject(value) as unknown as JsonObject };
  if (!Array.isArray(value) || !value.every(isObject))
    throw StatusError.of("BadRequest", "a JSON patch must be an array of operations");
  return { type, body: value as JsonObject[] };
}

export async function deleteOne(server: ApiServer, call: Call, name: string): Promise<void> {
  const { namespace } = call.path;
  const { options, dryRun } = await askedDeletion(call);
  const context = contextOf(call);
  const { encoded, deleted } = await server.delete(dryRun ? { ...context, dryRun } : context, {
    kind: call.served,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...options,
  });
  // As upstream: the object while something holds it, else a Status that says it is gone.
  if (!deleted) {
    sendObject(call, 200, encoded);
    return;
  }
  addWarnings(call.response, call.warnings);
  const { group, plural } = kindOf(call);
  const { uid } = encoded.object.metadata;
  sendJson(call.response, 200, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name,
      ...(group === "" ? {} : { group }),
      kind: plural,
      ...(uid === undefined ? {} : { uid }),
    },
  });
}

export async function deleteMany(server: ApiServer, call: Call): Promise<void> {
  const { kind, namespace, labelSelector, fieldSelector } = listRequest(call);
  const { options, dryRun } = await askedDeletion(call);
  const request = { kind, namespace, labelSelector, fieldSelector, ...options };
  const context = contextOf(call);
  sendList(call, await server.deleteCollection(dryRun ? { ...context, dryRun } : context, request));
}

async function askedDeletion(call: Call): Promise<AskedDeletion> {
  const { value } = await body(call);
  const options = value === undefined ? {} : (requireObject(value) as unknown as JsonObject);
  return deletionOptions(options, {
    gracePeriodSeconds: integer(call.query, "gracePeriodSeconds"),
    propagationPolicy: call.query.get("propagationPolicy") ?? "",
  });
}
