/**
 * Which listeners of Gateways are served, on which address, and what is wrong with the others. Pure.
 * The ports 80 and 443 mean the addresses of the Ingress; any other port is opened as it is.
 */
import type {
  Gateway,
  Listener,
  ObjectReference,
  ReferenceGrant,
  RouteGroupKind,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_GROUP } from "../../../kube/kinds/gateway/gateway-types.ts";
import type { Secret } from "../../../kube/kinds/secret.ts";
import { keyOf } from "../../../kube/object.ts";
import { type ListenerName, listenerKey, STANDARD_PORTS } from "../ingress/listener-name.ts";
import type { CertificateEntry } from "../ingress/tls-certificates.ts";
import { mayRefer } from "./reference-grants.ts";
import { type Verdict, verdict } from "./verdict.ts";

/** Kinds that can be attached to listeners of both protocols. */
export const ROUTE_KINDS = ["HTTPRoute", "GRPCRoute"] as const;
export type RouteKind = (typeof ROUTE_KINDS)[number];

export interface ListenerWorld {
  /** Where the Ingress listens: the configured ports. */
  readonly ports: { readonly http: number; readonly https: number };
  readonly grants: readonly ReferenceGrant[];
  readonly secretOf: (key: string) => Secret | undefined;
  /** What is wrong with a certificate and its key; undefined for nothing. */
  readonly certificateProblem: (secret: Secret) => string | undefined;
  /** Why a listener does not listen; undefined when it does or is about to. */
  readonly failure: (key: string) => string | undefined;
}

export interface PlannedListener {
  readonly listener: Listener;
  /** Undefined: it is not served. */
  readonly name: ListenerName | undefined;
  /** In lower case; empty for every host. */
  readonly host: string;
  readonly kinds: readonly RouteKind[];
  /** Accepted, Conflicted and ResolvedRefs. */
  readonly verdicts: readonly Verdict[];
  readonly certificates: readonly CertificateEntry[];
  /** What the Gateway is told of by an Event. */
  readonly certificateProblems: readonly string[];
}

/** For each Gateway, which come oldest first: of those that want one port for two protocols the first has it. */
export function planListeners(
  gateways: readonly Gateway[],
  world: ListenerWorld,
): Map<string, PlannedListener[]> {
  const claimed = new Map<number, string>();
  const planned = new Map<string, PlannedListener[]>();
  for (const gateway of gateways) {
    const { listeners } = gateway.spec;
    const protocols = new Map<number, Set<string>>();
    for (const { port, protocol } of listeners)
      if (isServed(protocol)) protocols.set(port, (protocols.get(port) ?? new Set()).add(protocol));
    planned.set(
      keyOf(gateway),
      listeners.map((listener) => {
        const { port, protocol } = listener;
        const other = [...(protocols.get(port) ?? [])].find((one) => one !== protocol);
        const holder = claimed.get(port) ?? protocol;
        let conflict: string | undefined;
        if (!isServed(protocol)) conflict = undefined;
        else if (other !== undefined)
          conflict = `another listener of this Gateway wants port ${port} for ${other}`;
        else if (holder !== protocol) conflict = `an older Gateway has port ${port} for ${holder}`;
        else claimed.set(port, protocol);
        return planListener(gateway, listener, conflict, world);
      }),
    );
  }
  return planned;
}

/** A Gateway that asks for an address by a name gets none, and is not served. */
export const asksForHostnames = ({ spec }: Gateway): boolean =>
  (spec.addresses ?? []).some(({ type = "IPAddress" }) => type !== "IPAddress");

const isServed = (protocol: string): boolean => protocol === "HTTP" || protocol === "HTTPS";

function planListener(
  gateway: Gateway,
  listener: Listener,
  conflict: string | undefined,
  world: ListenerWorld,
): PlannedListener {
  const { protocol, hostname = "" } = listener;
  const host = hostname.toLowerCase();
  const asked = listener.allowedRoutes?.kinds ?? [];
  const kinds = isServed(protocol) ? ROUTE_KINDS.filter((kind) => allowsKind(asked, kind)) : [];
  const unknown = asked.filter(({ group = GATEWAY_GROUP, kind }) => !isRouteKind(group, kind));
  const certificates = certificatesOf(gateway, listener, host, world);
  const name = isServed(protocol) ? listenerNameOf(listener, world) : undefined;
  const failure = name && world.failure(listenerKey(name));
  const accepted = acceptance(listener, failure);
  const isUsable =
    !asksForHostnames(gateway) &&
    accepted.status === "True" &&
    conflict === undefined &&
    (protocol !== "HTTPS" || certificates.entries.length > 0);
  const reference = certificates.problems[0];
  const resolved =
    unknown.length > 0
      ? verdict(
          "ResolvedRefs",
          false,
          "InvalidRouteKinds",
          `routes of the kind ${unknown.map(({ kind }) => kind).join(", ")} cannot be attached here`,
        )
      : verdict(
          "ResolvedRefs",
          reference === undefined,
          reference?.reason ?? "ResolvedRefs",
          reference?.message ?? "",
        );
  return {
    listener,
    // What failed is tried again.
    name: isUsable || (failure !== undefined && conflict === undefined) ? name : undefined,
    host,
    kinds,
    verdicts: [
      accepted,
      conflict === undefined
        ? verdict("Conflicted", false, "NoConflicts")
        : verdict("Conflicted", true, "ProtocolConflict", conflict),
      resolved,
    ],
    certificates: certificates.entries,
    certificateProblems: certificates.problems.map(({ message }) => message),
  };
}

function acceptance({ protocol, port }: Listener, failure: string | undefined): Verdict {
  if (!isServed(protocol))
    return verdict(
      "Accepted",
      false,
      "UnsupportedProtocol",
      `listeners for ${protocol} are not served; HTTP and HTTPS are`,
    );
  if (failure !== undefined)
    return verdict("Accepted", false, "PortUnavailable", `port ${port}: ${failure}`);
  return verdict("Accepted", true, "Accepted");
}

export function listenerNameOf(
  { protocol, port }: Pick<Listener, "protocol" | "port">,
  { ports }: Pick<ListenerWorld, "ports">,
): ListenerName {
  const own = protocol === "HTTPS" ? "https" : "http";
  const isStandard = port === STANDARD_PORTS[own] || port === ports[own];
  return { protocol: own, port: isStandard ? undefined : port };
}

const isRouteKind = (group: string, kind: string): boolean =>
  group === GATEWAY_GROUP && ROUTE_KINDS.some((one) => one === kind);

const allowsKind = (asked: readonly RouteGroupKind[], wanted: RouteKind): boolean =>
  asked.length === 0 ||
  asked.some(({ group = GATEWAY_GROUP, kind }) => group === GATEWAY_GROUP && kind === wanted);

interface CertificateProblem {
  readonly reason: "InvalidCertificateRef" | "RefNotPermitted";
  readonly message: string;
}

function certificatesOf(
  gateway: Gateway,
  { tls, protocol }: Listener,
  host: string,
  world: ListenerWorld,
): { readonly entries: CertificateEntry[]; readonly problems: CertificateProblem[] } {
  const entries: CertificateEntry[] = [];
  const problems: CertificateProblem[] = [];
  if (protocol !== "HTTPS") return { entries, problems };
  const own = gateway.metadata.namespace ?? "";
  const references = tls?.certificateRefs ?? [];
  if (references.length === 0)
    problems.push({
      reason: "InvalidCertificateRef",
      message: "there is no certificate: name a Secret in certificateRefs",
    });
  for (const reference of references) {
    const problem = referenceProblem(gateway, reference, world);
    if (problem === undefined)
      entries.push({
        owner: keyOf(gateway),
        namespace: reference.namespace ?? own,
        secretName: reference.name,
        hosts: host === "" ? [] : [host],
        isLenient: true,
      });
    else problems.push(problem);
  }
  return { entries, problems };
}

function referenceProblem(
  gateway: Gateway,
  { group = "", kind = "Secret", name, namespace }: ObjectReference,
  { grants, secretOf, certificateProblem }: ListenerWorld,
): CertificateProblem | undefined {
  const bad = (message: string): CertificateProblem => ({
    reason: "InvalidCertificateRef",
    message,
  });
  if (group !== "" || kind !== "Secret")
    return bad(`certificates come from Secrets, not from the kind ${kind}`);
  const own = gateway.metadata.namespace ?? "";
  const to = { group, kind, name, namespace: namespace ?? own };
  const from = { group: GATEWAY_GROUP, kind: "Gateway", namespace: own };
  if (!mayRefer(from, to, grants))
    return {
      reason: "RefNotPermitted",
      message: `the Secret ${to.namespace}/${name} is of another namespace, where no ReferenceGrant lets this Gateway use it`,
    };
  const secret = secretOf(`${to.namespace}/${name}`);
  if (secret === undefined) return bad(`there is no Secret ${to.namespace}/${name}; create it`);
  const problem = certificateProblem(secret);
  return problem === undefined ? undefined : bad(`the Secret ${to.namespace}/${name} ${problem}`);
}
