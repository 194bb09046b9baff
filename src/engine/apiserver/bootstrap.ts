/** What every cluster has from its first start on. Idempotent: run at each start. */
import type { Kind } from "../../kube/kind.ts";
import { clusterRoles } from "../../kube/kinds/clusterrole.ts";
import { clusterRoleBindings } from "../../kube/kinds/clusterrolebinding.ts";
import { type Endpoints, endpoints } from "../../kube/kinds/endpoints.ts";
import { type EndpointSlice, endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { BUILT_IN_GATEWAY_CLASS, gatewayClasses } from "../../kube/kinds/gatewayclass.ts";
import { type Namespace, namespaces } from "../../kube/kinds/namespace.ts";
import { priorityClasses, systemPriorityClasses } from "../../kube/kinds/priorityclass.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import type { KubeObject } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { addressAt, SERVICE_OFFSETS } from "./admission/address-range.ts";
import type { ApiServer } from "./api-server.ts";
import { defaultClusterRoleBindings, defaultClusterRoles } from "./rbac/default-roles.ts";
import type { ServedKind } from "./registry.ts";
import { apiServerContext } from "./request-context.ts";

const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];
/** The port under which pods find the API, whatever port it really listens on. */
const API_SERVICE_PORT = 443;

/**
 * Creates what is missing: the namespaces, the Service `kubernetes`, the system's priority classes,
 * the class of Gateways that are served here, the default roles and whom they are bound to.
 */
export async function bootstrap(server: ApiServer): Promise<void> {
  await Promise.all(NAMESPACES.map((name) => ensure(server, namespaces, namespace(name))));
  await ensure(server, services, apiService());
  await Promise.all(systemPriorityClasses.map((each) => ensure(server, priorityClasses, each)));
  await ensure(server, gatewayClasses, BUILT_IN_GATEWAY_CLASS);
  await Promise.all(defaultClusterRoles.map((each) => ensure(server, clusterRoles, each)));
  await Promise.all(
    defaultClusterRoleBindings.map((each) => ensure(server, clusterRoleBindings, each)),
  );
}

/**
 * Says where the API listens, so that the Service `kubernetes` leads there. Call once the listener
 * is up, with an address that pods can reach.
 */
export async function publishApiAddress(
  server: ApiServer,
  address: { readonly ip: string; readonly port: number },
): Promise<void> {
  await put(server, endpoints, apiEndpoints(address));
  const slice = apiEndpointSlice(address);
  await dropOfOtherFamily(server, slice);
  await put(server, endpointSlices, slice);
}

/** The family of a slice cannot change: after a move from IPv4 to IPv6 it is made anew. */
async function dropOfOtherFamily(server: ApiServer, slice: EndpointSlice): Promise<void> {
  const target = { kind: servedKind(server, endpointSlices), ...metadata };
  try {
    const { object } = await server.get(apiServerContext, target);
    if ((object as EndpointSlice).addressType === slice.addressType) return;
    await server.delete(apiServerContext, target);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}

const namespace = (name: string): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
});

const metadata = { name: "kubernetes", namespace: "default" };
/** Each port of the Service and of its endpoints has this name: it is how they are matched. */
const PORT = { name: "https", protocol: "TCP" };

function apiService(): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP: addressAt(SERVICE_OFFSETS.first),
      sessionAffinity: "None",
      ports: [{ ...PORT, port: API_SERVICE_PORT }],
    },
  };
}

function apiEndpoints({ ip, port }: { ip: string; port: number }): Endpoints {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    // Without the label the slice would be mirrored a second time.
    metadata: { ...metadata, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [{ addresses: [{ ip }], ports: [{ ...PORT, port }] }],
  };
}

function apiEndpointSlice({ ip, port }: { ip: string; port: number }): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: ip.includes(":") ? "IPv6" : "IPv4",
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports: [{ ...PORT, port }],
  };
}

async function ensure(server: ApiServer, kind: Kind, object: KubeObject): Promise<boolean> {
  const { namespace: own } = object.metadata;
  const request = { kind: servedKind(server, kind), object };
  try {
    await server.create(
      apiServerContext,
      own === undefined ? request : { ...request, namespace: own },
    );
    return true;
  } catch (error) {
    if (isStatus(error, "AlreadyExists")) return false;
    throw error;
  }
}

async function put(server: ApiServer, kind: Kind, object: KubeObject): Promise<void> {
  if (await ensure(server, kind, object)) return;
  const { namespace: own, name } = object.metadata;
  const request = { kind: servedKind(server, kind), name, object };
  await server.update(
    apiServerContext,
    own === undefined ? request : { ...request, namespace: own },
  );
}

function servedKind({ registry }: ApiServer, { group, version, plural }: Kind): ServedKind {
  const served = registry.find(group, version, plural);
  if (served === undefined) throw new Error(`${plural} are not served: the cluster cannot start`);
  return served;
}
