/** The `Client` of code that runs in the same process as the API server: no HTTP, no encoding, no copies. */
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
} from "../../client/client.ts";
import type { Resource } from "../../kube/kind.ts";
import { pods } from "../../kube/kinds/pod.ts";
import type { KubeObject, ObjectKey } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { ApiServer } from "./api-server.ts";
import type { Encoded } from "./encoded.ts";
import type { ServedKind } from "./registry.ts";
import type { RequestContext, UserInfo } from "./request-context.ts";
import type { WatchEvent as ServerWatchEvent } from "./watch/watch-event.ts";

/** Objects are the stored ones themselves, deeply frozen. What is passed in to be written gets frozen, too. */
export class InProcessClient implements Client {
  readonly #server: ApiServer;
  readonly #user: UserInfo;

  /** Acts as this user, with the user's rights. */
  constructor(server: ApiServer, user: UserInfo) {
    this.#server = server;
    this.#user = user;
  }

  /** The same server, as somebody else. */
  as(user: UserInfo): InProcessClient {
    return new InProcessClient(this.#server, user);
  }

  async resourceFor(apiVersion: string, kind: string): Promise<Resource | undefined> {
    return this.#server.registry.findKind(apiVersion, kind)?.kind;
  }

  async resources(): Promise<readonly Resource[]> {
    return this.#server.registry.preferred().map(({ kind }) => kind);
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T> {
    const { subresource } = options;
    const encoded = await this.#server.get(this.#context(options), {
      ...this.#target(resource, key),
      ...(subresource === undefined ? {} : { subresource }),
    });
    return typed(encoded);
  }

  async list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const { signal: _, ...selection } = options;
    const result = await this.#server.list(this.#context(options), {
      kind: this.#kind(resource),
      ...selection,
    });
    return { ...result, items: result.items.map((encoded) => typed<T>(encoded)) };
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { signal: _, sendInitialEvents, ...selection } = options;
    const watch = await this.#server.watch(this.#context(options), {
      kind: this.#kind(resource),
      ...selection,
      ...(sendInitialEvents === true ? INITIAL_EVENTS : {}),
    });
    try {
      for (;;) {
        const events = await watch.next();
        if (events === undefined) return;
        for (const event of events) yield clientEvent<T>(event);
      }
    } finally {
      watch.close();
    }
  }

  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const { subresource } = options;
    const encoded = await this.#server.create(this.#context(options), {
      kind: this.#kind(resource),
      object,
      ...(resource.namespaced && namespace !== undefined ? { namespace } : {}),
      ...(subresource === undefined ? {} : { subresource, name }),
    });
    return typed(encoded);
  }

  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { subresource } = options;
    const encoded = await this.#server.update(this.#context(options), {
      ...this.#target(resource, object.metadata),
      object,
      ...(subresource === undefined ? {} : { subresource }),
    });
    return typed(encoded);
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const { subresource, force } = options;
    const { encoded } = await this.#server.patch(this.#context(options), {
      ...this.#target(resource, key),
      patch,
      ...(subresource === undefined ? {} : { subresource }),
      ...(force === undefined ? {} : { force }),
    });
    return typed(encoded);
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<KubeObject> {
    const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
    const { encoded } = await this.#server.delete(this.#context(options), {
      ...this.#target(resource, key),
      gracePeriodSeconds,
      propagationPolicy,
      preconditions,
    });
    return encoded.object;
  }

  async deleteCollection(resource: Resource, options: ListOptions & DeleteOptions): Promise<void> {
    const { namespace, labelSelector, fieldSelector } = options;
    const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
    await this.#server.deleteCollection(this.#context(options), {
      kind: this.#kind(resource),
      namespace,
      labelSelector,
      fieldSelector,
      gracePeriodSeconds,
      propagationPolicy,
      preconditions,
    });
  }

  async *logs(key: ObjectKey, options: LogOptions): AsyncGenerator<Uint8Array> {
    const { signal: _, ...rest } = options;
    yield* await this.#server.logs(this.#context(options), { ...this.#target(pods, key), ...rest });
  }

  #kind({ group, version, plural }: Resource): ServedKind {
    const served = this.#server.registry.find(group, version, plural);
    if (served !== undefined) return served;
    throw StatusError.of(
      "NotFound",
      `the server could not find the requested resource: ${plural} in ${group === "" ? "" : `${group}/`}${version}`,
    );
  }

  #target(
    resource: Resource,
    { namespace, name }: ObjectKey,
  ): { kind: ServedKind; name: string; namespace?: string } {
    const kind = this.#kind(resource);
    return resource.namespaced && namespace !== undefined
      ? { kind, name, namespace }
      : { kind, name };
  }

  #context(options: Omit<WriteOptions, "subresource">): RequestContext {
    const { signal, dryRun, fieldManager, fieldValidation, onWarning } = options;
    return {
      user: this.#user,
      userAgent: USER_AGENT,
      ...(signal === undefined ? {} : { signal }),
      ...(dryRun === undefined ? {} : { dryRun }),
      ...(fieldManager === undefined ? {} : { fieldManager }),
      ...(fieldValidation === undefined ? {} : { fieldValidation }),
      ...(onWarning === undefined ? {} : { warn: onWarning }),
    };
  }
}

/** Whoever gives no field manager is known by this one. */
const USER_AGENT = "gantry";

const INITIAL_EVENTS = {
  sendInitialEvents: true,
  resourceVersionMatch: "NotOlderThan",
  allowBookmarks: true,
} as const;

/** The registry found the kind that the resource names, so its objects have the resource's type. */
const typed = <T extends KubeObject>(encoded: Encoded): T => encoded.object as T;

function clientEvent<T extends KubeObject>(event: ServerWatchEvent): WatchEvent<T> {
  return event.type === "BOOKMARK" ? event : { type: event.type, object: typed<T>(event.encoded) };
}
