/** The `Client` of any Kubernetes API server, over HTTPS. */
import type { Resource } from "../../kube/kind.ts";
import { apiVersionOf, deepFreeze, type KubeObject, type ObjectKey } from "../../kube/object.ts";
import { isObject } from "../../kube/json-object.ts";
import { type Status, StatusError } from "../../kube/status-error.ts";
import type {
  CallOptions,
  Client,
  DeleteOptions,
  ListOptions,
  LogOptions,
  ObjectList,
  Patch,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "../client.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { Discovery } from "./discovery.ts";
import { splitLines } from "./json-lines.ts";
import { collectionPath, objectPath, queryString } from "./resource-path.ts";
import { isStatusObject } from "./response-error.ts";
import { type ApiRequest, Transport, type TransportLimits } from "./transport.ts";
import { warningTexts } from "./warning-header.ts";

export interface HttpClientOptions {
  readonly clock?: Clock;
  /** Name of the writer when a call names none. @default gantry */
  readonly fieldManager?: string;
  readonly limits?: Partial<TransportLimits>;
}

/** An object is at most 3 MiB in a request body; an event wraps one, escaped and indented at worst. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

const PATCH_TYPES: Record<Patch["type"], string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  // JSON is YAML, and every server since 1.22 takes this name.
  apply: "application/apply-patch+yaml",
};
const pods: Resource = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

export class HttpClient implements Client {
  readonly #transport: Transport;
  readonly #discovery: Discovery;
  readonly #fieldManager: string;

  constructor(access: ClusterAccess, options: HttpClientOptions = {}) {
    const { clock = systemClock, fieldManager = "gantry", limits } = options;
    this.#transport = new Transport(access, clock, limits);
    this.#discovery = new Discovery(this.#transport, clock);
    this.#fieldManager = fieldManager;
  }

  /** Ends every connection, open watches included. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async resourceFor(apiVersion: string, kind: string): Promise<Resource | undefined> {
    return await this.#discovery.find(apiVersion, kind);
  }

  async resources(): Promise<readonly Resource[]> {
    const preferred = new Map<string, Resource>();
    for (const resource of await this.#discovery.all()) {
      const name = `${resource.plural}.${resource.group}`;
      if (isKept(resource.verbs) && !preferred.has(name)) preferred.set(name, resource);
    }
    return [...preferred.values()];
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, key, options.subresource);
    return await this.#object<T>({ method: "GET", path, signal: options.signal });
  }

  async list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const { namespace, signal, ...parameters } = options;
    const path = collectionPath(resource, namespace) + queryString(parameters);
    const { text } = await this.#transport.call({ method: "GET", path, signal });
    return readList<T>(parseJson(text, path), resource);
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { namespace, allowBookmarks, sendInitialEvents, signal, ...parameters } = options;
    const path =
      collectionPath(resource, namespace) +
      queryString({
        ...parameters,
        watch: true,
        allowWatchBookmarks: allowBookmarks,
        sendInitialEvents,
        ...(sendInitialEvents === true ? { resourceVersionMatch: "NotOlderThan" } : {}),
      });
    const chunks = this.#transport.stream({ method: "GET", path, signal });
    try {
      for await (const line of splitLines(chunks, MAX_EVENT_BYTES))
        yield readEvent<T>(parseJson(line, path), path);
    } catch (error) {
      // An aborted watch ends, as the contract says; it does not fail.
      if (signal?.aborted !== true) throw error;
    }
  }

  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const path =
      options.subresource === undefined
        ? collectionPath(resource, namespace)
        : objectPath(
            resource,
            { ...(namespace === undefined ? {} : { namespace }), name },
            options.subresource,
          );
    return await this.#write<T>("POST", path, JSON.stringify(object), options);
  }

  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const key = namespace === undefined ? { name } : { namespace, name };
    const path = objectPath(resource, key, options.subresource);
    return await this.#write<T>("PUT", path, JSON.stringify(object), options);
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, key, options.subresource);
    const contentType = PATCH_TYPES[patch.type];
    return await this.#write<T>("PATCH", path, JSON.stringify(patch.body), options, contentType);
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<KubeObject> {
    const path = objectPath(resource, key, options.subresource) + deleteQuery(options);
    const body = deleteBody(options);
    const left = await this.#object({ method: "DELETE", path, body, signal: options.signal });
    if (!isStatusObject(left)) return left;
    // Servers answer with a Status when the object is gone at once.
    const uid = (left as Status).details?.uid;
    const metadata = { ...key, ...(uid === undefined ? {} : { uid }) };
    return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  }

  async deleteCollection(resource: Resource, options: ListOptions & DeleteOptions): Promise<void> {
    const { namespace, labelSelector, fieldSelector, limit, resourceVersion, signal } = options;
    const query = { labelSelector, fieldSelector, limit, resourceVersion };
    const path =
      collectionPath(resource, namespace) +
      queryString({ ...query, ...(options.dryRun === true ? { dryRun: "All" } : {}) });
    await this.#transport.call({ method: "DELETE", path, body: deleteBody(options), signal });
  }

  logs(key: ObjectKey, options: LogOptions): AsyncIterable<Uint8Array> {
    const { signal, ...parameters } = options;
    const path = objectPath(pods, key, "log") + queryString(parameters);
    const isQuiet = options.follow === true;
    return this.#transport.stream({ method: "GET", path, accept: "*/*", signal }, isQuiet);
  }

  async #write<T extends KubeObject>(
    method: "POST" | "PUT" | "PATCH",
    path: string,
    body: string,
    options: WriteOptions,
    contentType = "application/json",
  ): Promise<T> {
    const { dryRun, fieldManager = this.#fieldManager, fieldValidation, force, signal } = options;
    const query = {
      fieldManager,
      fieldValidation,
      force,
      dryRun: dryRun === true ? "All" : undefined,
    };
    const call = { method, path: path + queryString(query), body, contentType, signal };
    return await this.#object<T>(call, options.onWarning);
  }

  async #object<T extends KubeObject>(
    call: ApiRequest,
    onWarning?: (text: string) => void,
  ): Promise<T> {
    const { headers, text } = await this.#transport.call(call);
    if (onWarning !== undefined) warningTexts(headers.warning).forEach(onWarning);
    return deepFreeze(parseJson(text, call.path) as T);
  }
}

function deleteQuery({ dryRun }: DeleteOptions): string {
  return dryRun === true ? "?dryRun=All" : "";
}

function deleteBody(options: DeleteOptions): string {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  const body = { gracePeriodSeconds, propagationPolicy, preconditions };
  return JSON.stringify({ apiVersion: "v1", kind: "DeleteOptions", ...body });
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notAnApi(path, "the answer is not JSON", error);
  }
}

function readList<T extends KubeObject>(document: unknown, resource: Resource<T>): ObjectList<T> {
  const path = resource.plural;
  if (!isObject(document) || !Array.isArray(document.items) || !isObject(document.metadata))
    throw notAnApi(path, "the answer is no list");
  // Upstream leaves apiVersion and kind out of the items of built-in lists.
  const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const items = document.items.map((item) => deepFreeze({ ...identity, ...(item as T) }));
  const { resourceVersion, continue: next, remainingItemCount } = document.metadata;
  return {
    items,
    resourceVersion: typeof resourceVersion === "string" ? resourceVersion : "",
    ...(typeof next === "string" && next !== "" ? { continue: next } : {}),
    ...(typeof remainingItemCount === "number" ? { remainingItemCount } : {}),
  };
}

function readEvent<T extends KubeObject>(event: unknown, path: string): WatchEvent<T> {
  if (!isObject(event) || !isObject(event.object)) throw notAnApi(path, "the event has no object");
  const { type, object } = event;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: deepFreeze(object as unknown as T) };
    case "BOOKMARK": {
      const { metadata } = object as unknown as KubeObject;
      return {
        type,
        resourceVersion: metadata.resourceVersion ?? "",
        initialEventsEnd: metadata.annotations?.[INITIAL_EVENTS_END] === "true",
      };
    }
    case "ERROR":
      if (isStatusObject(object)) throw new StatusError(object);
      throw notAnApi(path, "the error event carries no Status");
    default:
      throw notAnApi(path, `the event type ${JSON.stringify(type)} is not known`);
  }
}

function notAnApi(path: string, what: string, cause?: unknown): StatusError {
  const { status } = StatusError.of(
    "InternalError",
    `${path.split("?", 1)[0] ?? path}: ${what}: is this the address of a Kubernetes API?`,
  );
  return new StatusError(status, { cause });
}

const isKept = (verbs: readonly string[]): boolean =>
  verbs.includes("list") && verbs.includes("watch");
