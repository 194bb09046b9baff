import type { KubeObject } from "../../../src/kube/object.ts";

export function liveObject(
  apiVersion: string,
  kind: string,
  { metadata, ...fields }: { metadata?: object } & Record<string, unknown> = {},
): KubeObject {
  return { apiVersion, kind, ...fields, metadata: { name: "x", generation: 1, ...metadata } };
}
