/**
 * The API server without a transport: what `kubectl` asks over HTTP and controllers ask in process
 * ends up here. Every operation takes a `RequestContext`, asks the authorizer, passes through
 * admission and fails with a `StatusError`.
 *
 * Reads and writes answer with `Encoded` objects: frozen, shared, with their JSON bytes ready. The
 * HTTP transport writes the bytes, the in-process client hands out the objects; neither copies.
 *
 *     const served = server.registry.find("apps", "v1", "deployments");   // from the URL
 *     const { json } = await server.get(context, { kind: served, namespace, name });
 */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "../../client/clock.ts";
import type { Kind } from "../../kube/kind.ts";
import { builtinKinds } from "../../kube/kinds/index.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { Store } from "../store/store.ts";
import { AdmissionChain } from "./admission/admission.ts";
import { defaultTolerationSeconds } from "./admission/default-toleration-seconds.ts";
import { namespaceLifecycle } from "./admission/namespace-lifecycle.ts";
import { priority } from "./admission/priority.ts";
import { serviceAccount } from "./admission/service-account.ts";
import { ServiceAddressIndex } from "./admission/service-address-index.ts";
import { serviceAddresses } from "./admission/service-addresses.ts";
import { storage } from "./admission/storage.ts";
import { type AuditSink, noAudit } from "./audit.ts";
import {
  anyOf,
  type Authorizer,
  authorizePath,
  mastersOnly,
  type PathRequest,
} from "./authorizer.ts";
import type { Backend } from "./backend.ts";
import { CustomResources } from "./custom-resources/custom-resources.ts";
import { definitionLifecycle } from "./custom-resources/definition-lifecycle.ts";
import type { Encoded } from "./encoded.ts";
import { UsageReader } from "./metrics/usage-reader.ts";
import type { Begin, ContainerStreams } from "./node-connection.ts";
import { NodeConnections } from "./node-connections.ts";
import { EventExpiry } from "./event-expiry.ts";
import { preventEscalation } from "./rbac/escalation.ts";
import { rbacAuthorizer } from "./rbac/rbac-authorizer.ts";
import { RoleGraph } from "./rbac/role-graph.ts";
import { KindRegistry } from "./registry.ts";
import { answerReview, type AskedReview } from "./reviews/answer-review.ts";
import type { RequestContext } from "./request-context.ts";
import { type CreateRequest, create } from "./rest/create.ts";
import { type DeleteCollectionRequest, deleteCollection } from "./rest/delete-collection.ts";
import { type DeleteRequest, type DeleteResult, deleteObject } from "./rest/delete.ts";
import { type GetRequest, get } from "./rest/get.ts";
import { type ListRequest, type ListResult, list } from "./rest/list.ts";
import { type PatchResult, patch } from "./rest/patch.ts";
import type { PatchRequest } from "./rest/patch-step.ts";
import { type UpdateRequest, update } from "./rest/update.ts";
import { type WatchRequest, watch } from "./rest/watch.ts";
import type { ServiceAccountTokens } from "./service-accounts/service-account-tokens.ts";
import { type LogRequest, logs } from "./subresources/log.ts";
import {
  attach,
  type ContainerRequest,
  exec,
  type ExecRequest,
  portForward,
  type StreamRequest,
} from "./subresources/streams.ts";
import { WatchHubs } from "./watch/watch-hubs.ts";
import type { Watch } from "./watch/watcher.ts";

export interface ApiServer {
  /** What is served: built-in kinds and those of CustomResourceDefinitions. */
  readonly registry: KindRegistry;
  /** Where node agents announce themselves. */
  readonly nodes: NodeConnections;

  get(context: RequestContext, request: GetRequest): Promise<Encoded>;
  list(context: RequestContext, request: ListRequest): Promise<ListResult>;
  /** The watch is open, and misses nothing from here on, when the promise resolves. */
  watch(context: RequestContext, request: WatchRequest): Promise<Watch>;
  create(context: RequestContext, request: CreateRequest): Promise<Encoded>;
  update(context: RequestContext, request: UpdateRequest): Promise<Encoded>;
  patch(context: RequestContext, request: PatchRequest): Promise<PatchResult>;
  delete(context: RequestContext, request: DeleteRequest): Promise<DeleteResult>;
  deleteCollection(context: RequestContext, request: DeleteCollectionRequest): Promise<ListResult>;
  /** The output of a container. Fails before the first byte where it can. */
  logs(context: RequestContext, request: LogRequest): Promise<AsyncIterable<Uint8Array>>;

  /** Throws 403 unless the user may read what is no object. */
  authorizePath(request: PathRequest): void;

  /** Commands in containers, their own processes, and their ports: see subresources/streams.ts. */
  exec(context: RequestContext, request: ExecRequest): Promise<Begin<ContainerStreams>>;
  attach(context: RequestContext, request: ContainerRequest): Promise<Begin<ContainerStreams>>;
  portForward(
    context: RequestContext,
    request: StreamRequest,
  ): Promise<(port: number) => Promise<Duplex>>;

  /** Answers a question in the form of an object: one of `REVIEW_KINDS`. Throws 400, 403 and 422. */
  review(context: RequestContext, asked: AskedReview, question: KubeObject): Encoded;

  /** Ends every watch and what runs in the background. The store stays open: it belongs to the caller. */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock?: Clock;
  /** @default all built-in kinds */
  readonly kinds?: readonly Kind[];
  /** Yields [0, 1). @default Math.random */
  readonly random?: () => number;
  /** @default random UUIDs */
  readonly newUid?: () => string;
  /** @default members of `system:masters` may do everything, others what RBAC allows them */
  readonly authorizer?: Authorizer;
  readonly audit?: AuditSink;
  /** Pods then get a token of their service account. @default none */
  readonly serviceAccountTokens?: ServiceAccountTokens;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const serviceIndex = new ServiceAddressIndex(options.store);
  const roles = new RoleGraph(options.store);
  const backend = createBackend(options, serviceIndex, roles);
  const customResources = new CustomResources(backend);
  const eventExpiry = new EventExpiry(backend);
  return {
    registry: backend.registry,
    nodes: backend.nodes,
    get: (context, request) => get(backend, context, request),
    list: (context, request) => list(backend, context, request),
    watch: (context, request) => watch(backend, context, request),
    create: (context, request) => create(backend, context, request),
    update: (context, request) => update(backend, context, request),
    patch: (context, request) => patch(backend, context, request),
    delete: (context, request) => deleteObject(backend, context, request),
    deleteCollection: (context, request) => deleteCollection(backend, context, request),
    logs: (context, request) => logs(backend, context, request),
    exec: (context, request) => exec(backend, context, request),
    attach: (context, request) => attach(backend, context, request),
    portForward: (context, request) => portForward(backend, context, request),
    review: (context, asked, question) => answerReview(backend, context, asked, question),
    authorizePath: (request) => authorizePath(backend.authorizer, request),
    close: async () => {
      backend.hubs.close();
      roles.close();
      serviceIndex.close();
      await eventExpiry.close();
      await customResources.close();
    },
  };
}

function createBackend(
  options: ApiServerOptions,
  serviceIndex: ServiceAddressIndex,
  roles: RoleGraph,
): Backend {
  const { store, clock = systemClock, kinds = builtinKinds, random = Math.random } = options;
  const { serviceAccountTokens } = options;
  const registry = new KindRegistry(kinds);
  const nodes = new NodeConnections();
  const authorizer = options.authorizer ?? anyOf([mastersOnly, rbacAuthorizer(roles)]);
  return {
    store,
    clock,
    random,
    newUid: options.newUid ?? randomUUID,
    registry,
    authorizer,
    roles,
    admission: new AdmissionChain([
      namespaceLifecycle(store),
      serviceAccount({ store, random, mountsTokens: serviceAccountTokens !== undefined }),
      priority(store),
      defaultTolerationSeconds,
      serviceAddresses(serviceIndex, random),
      storage(store),
      preventEscalation(roles, authorizer),
      definitionLifecycle(registry, clock),
    ]),
    audit: options.audit ?? noAudit,
    hubs: new WatchHubs(store, clock, registry),
    nodes,
    usage: new UsageReader(nodes, clock),
    ...(serviceAccountTokens === undefined ? {} : { serviceAccountTokens }),
  };
}
