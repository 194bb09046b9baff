/** To which listeners a route is attached, by each of its parents, and why not. Pure. */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import { matchesLabels, SelectorError, selectorOf } from "../../../kube/label-selector.ts";
import {
  type Gateway,
  GATEWAY_GROUP,
  type ParentReference,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { effectiveHosts } from "./hostname.ts";
import type { PlannedListener, RouteKind } from "./plan-listeners.ts";
import { type Verdict, verdict } from "./verdict.ts";

export interface RouteToAttach extends KubeObject {
  readonly spec?: {
    readonly parentRefs?: readonly ParentReference[];
    readonly hostnames?: readonly string[];
  };
}
export interface AttachWorld {
  /** Those that are served here. */
  readonly gatewayOf: (key: string) => Gateway | undefined;
  readonly listenersOf: (gatewayKey: string) => readonly PlannedListener[];
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>>;
}
export interface Attachment {
  readonly parentRef: ParentReference;
  readonly accepted: Verdict;
  readonly listeners: readonly {
    readonly planned: PlannedListener;
    readonly hosts: readonly string[];
  }[];
}

/** One for each parent that is a Gateway served here. */
export function attach(route: RouteToAttach, kind: RouteKind, world: AttachWorld): Attachment[] {
  const namespace = route.metadata.namespace ?? "";
  return (route.spec?.parentRefs ?? []).flatMap((parentRef) => {
    const { group = GATEWAY_GROUP, kind: parentKind = "Gateway" } = parentRef;
    if (group !== GATEWAY_GROUP || parentKind !== "Gateway") return [];
    const key = `${parentRef.namespace ?? namespace}/${parentRef.name}`;
    const gateway = world.gatewayOf(key);
    return gateway === undefined
      ? []
      : [attachTo(gateway, world.listenersOf(key), parentRef, { route, kind, namespace }, world)];
  });
}

function attachTo(
  gateway: Gateway,
  listeners: readonly PlannedListener[],
  parentRef: ParentReference,
  { route, kind, namespace }: { route: RouteToAttach; kind: RouteKind; namespace: string },
  world: AttachWorld,
): Attachment {
  const refused = (reason: string, message: string): Attachment => ({
    parentRef,
    accepted: verdict("Accepted", false, reason, message),
    listeners: [],
  });
  const { sectionName, port } = parentRef;
  const named = listeners.filter(
    ({ listener }) =>
      (sectionName === undefined || listener.name === sectionName) &&
      (port === undefined || listener.port === port),
  );
  if (named.length === 0)
    return refused("NoMatchingParent", "the Gateway has no listener of this name and port");
  const allowing = named.filter(
    (planned) =>
      planned.kinds.includes(kind) && allowsNamespace(gateway, planned, namespace, world),
  );
  if (allowing.length === 0)
    return refused(
      "NotAllowedByListeners",
      `no listener allows routes of the kind ${kind} from the namespace ${namespace}`,
    );
  const attached = allowing
    .map((planned) => ({
      planned,
      hosts: effectiveHosts(planned.host, route.spec?.hostnames ?? []),
    }))
    .filter(({ hosts }) => hosts.length > 0);
  if (attached.length === 0)
    return refused("NoMatchingListenerHostname", "no listener is for any of the route's hosts");
  return { parentRef, accepted: verdict("Accepted", true, "Accepted"), listeners: attached };
}

function allowsNamespace(
  gateway: Gateway,
  { listener }: PlannedListener,
  namespace: string,
  { labelsOf }: AttachWorld,
): boolean {
  const { from = "Same", selector } = listener.allowedRoutes?.namespaces ?? {};
  switch (from) {
    case "All":
      return true;
    case "Same":
      return gateway.metadata.namespace === namespace;
    case "Selector":
      return selector !== undefined && selects(selector, labelsOf(namespace));
    case "None":
      return false;
  }
}

/** A selector that is none selects nothing. */
function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  try {
    return matchesLabels(selectorOf(selector), labels);
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
