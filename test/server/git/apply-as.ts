import type { Client } from "../../../src/client/client.ts";
import type { JsonObject, KubeObject } from "../../../src/kube/object.ts";
import { parse } from "yaml";

/** Applies a manifest to the namespace `default`. */
export async function applyAs(client: Client, manager: string, text: string): Promise<KubeObject> {
  const object = parse(text) as KubeObject;
  const resource = await client.resourceFor(object.apiVersion, object.kind);
  if (resource === undefined) throw new Error(`${object.kind} is not served`);
  const { name } = object.metadata;
  const body = { ...object, metadata: { ...object.metadata, namespace: "default" } };
  return client.patch(
    resource,
    { namespace: "default", name },
    { type: "apply", body: body as unknown as JsonObject },
    { fieldManager: manager },
  );
}
