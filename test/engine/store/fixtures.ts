import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  Mutation,
  ResourceName,
  Store,
  Stored,
  StoreEvent,
  StoreKey,
  WriteResult,
} from "../../../src/engine/store/store.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

export const widgets: ResourceName = { group: "example.dev", plural: "widgets" };
export const gadgets: ResourceName = { group: "", plural: "gadgets" };

export interface Widget extends KubeObject {
  readonly spec: { readonly size: number; readonly text?: string };
}

export function key(path: string, resource = widgets): StoreKey {
  const [namespace = "", name = ""] = path.split("/");
  return { ...resource, namespace, name };
}

export function widget(path: string, size: number, text?: string): Widget {
  const { namespace, name } = key(path);
  return {
    apiVersion: "example.dev/v1",
    kind: "Widget",
    metadata: { name, namespace },
    spec: { size, ...(text === undefined ? {} : { text }) },
  };
}

export function put(
  store: Store,
  path: string,
  size = 1,
  resource = widgets,
): Promise<WriteResult> {
  return store.write(key(path, resource), () => ({ put: widget(path, size) }));
}

export function remove(store: Store, path: string, resource = widgets): Promise<WriteResult> {
  return store.write(key(path, resource), () => ({ delete: true }));
}

export const keep: Mutation = () => ({ keep: true });

export function specOf(stored: Stored | undefined): Widget["spec"] | undefined {
  return (stored?.object as Widget | undefined)?.spec;
}

/** `put 7 a/b 3`: type, revision, key and size, which is all that most tests care about. */
export function line({ type, revision, key: { namespace, name }, current }: StoreEvent): string {
  return `${type} ${revision} ${namespace}/${name} ${specOf(current)?.size}`;
}

/** Events as they come, from a revision on. */
export function recorded(store: Store, revision: number, resource = widgets): StoreEvent[] {
  const events: StoreEvent[] = [];
  store.watch(resource, revision, (event) => events.push(event));
  return events;
}

export function paths(store: Store, namespace?: string, resource = widgets): string[] {
  return store
    .list(resource, namespace)
    .items.map(({ object: { metadata } }) => `${metadata.namespace}/${metadata.name}`);
}

export function temporaryDirectory(): { directory: string; removeDirectory: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "gantry-store-"));
  return { directory, removeDirectory: () => rmSync(directory, { recursive: true, force: true }) };
}
