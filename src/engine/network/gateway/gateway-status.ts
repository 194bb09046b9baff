/** What the statuses of classes, Gateways and routes say. Pure. Given what they said before. */
import type { Condition } from "kubernetes-types/meta/v1";
import { setCondition } from "../../../kube/conditions.ts";
import { ipFamily } from "../../../kube/ip-address.ts";
import {
  type Gateway,
  GATEWAY_GROUP,
  type GatewayClass,
  type GatewayStatus,
  type ListenerStatus,
  type RouteParentStatus,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_CONTROLLER } from "../../../kube/kinds/gatewayclass.ts";
import type { ListeningAt } from "../ingress/open-listeners.ts";
import { reachable } from "../ingress/published-address.ts";
import { listenerKey } from "../ingress/listener-name.ts";
import type { PlannedGateway, PlannedRoute } from "./plan-gateways.ts";
import { type Verdict, verdict } from "./verdict.ts";

/** By the names of the conformance tests (sigs.k8s.io/gateway-api/pkg/features). */
const FEATURES = [
  "GRPCRoute",
  "Gateway",
  "GatewayPort8080",
  "HTTPRoute",
  "HTTPRouteBackendProtocolH2C",
  "HTTPRouteBackendProtocolWebSocket",
  "HTTPRouteBackendRequestHeaderModification",
  "HTTPRouteBackendTimeout",
  "HTTPRouteCORS",
  "HTTPRouteHostRewrite",
  "HTTPRouteMethodMatching",
  "HTTPRouteNamedRouteRule",
  "HTTPRouteParentRefPort",
  "HTTPRoutePathRedirect",
  "HTTPRoutePathRewrite",
  "HTTPRoutePortRedirect",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteRequestMirror",
  "HTTPRouteRequestMultipleMirrors",
  "HTTPRouteRequestPercentageMirror",
  "HTTPRouteRequestTimeout",
  "HTTPRouteResponseHeaderModification",
  "HTTPRouteSchemeRedirect",
  "ReferenceGrant",
];

/** RFC 3339, to the second, as conditions have it. */
export const timestampOf = (nowMs: number): string =>
  new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, "Z");

function conditionsOf(
  previous: readonly Condition[] | undefined,
  verdicts: readonly Verdict[],
  generation: number | undefined,
  now: string,
): Condition[] {
  let conditions: Condition[] = [...(previous ?? [])];
  for (const one of verdicts)
    conditions = setCondition(
      conditions,
      {
        ...one,
        lastTransitionTime: now,
        ...(generation === undefined ? {} : { observedGeneration: generation }),
      },
      now,
    );
  return conditions;
}

export function gatewayClassStatus(
  { metadata, status, spec }: GatewayClass,
  now: string,
): NonNullable<GatewayClass["status"]> {
  const accepted =
    spec.parametersRef === undefined
      ? verdict("Accepted", true, "Accepted", "served by Gantry")
      : verdict("Accepted", false, "InvalidParameters", "this controller has no parameters");
  return {
    conditions: conditionsOf(status?.conditions, [accepted], metadata.generation, now),
    supportedFeatures: FEATURES.map((name) => ({ name })),
  };
}

/** `at` says where a listener really listens. */
export function gatewayStatus(
  { gateway, listeners }: PlannedGateway,
  at: (key: string) => ListeningAt | undefined,
  now: string,
): GatewayStatus {
  const { metadata, status } = gateway;
  const { generation } = metadata;
  const addressProblem = addressVerdicts(
    gateway,
    listeners.flatMap(({ name }) => {
      const listening = name && at(listenerKey(name));
      return listening === undefined ? [] : [reachable(listening.host)];
    }),
  );
  const found = listeners.map((planned): { status: ListenerStatus; host: string | undefined } => {
    const { listener, name, kinds, attachedRoutes } = planned;
    const listening = name && at(listenerKey(name));
    const isValid =
      planned.verdicts.every(
        ({ type, status: value }) =>
          type === "ResolvedRefs" || value === (type === "Conflicted" ? "False" : "True"),
      ) && name !== undefined;
    const programmed = !isValid
      ? verdict("Programmed", false, "Invalid", "see the other conditions")
      : listening === undefined
        ? verdict("Programmed", false, "Pending", "the listener is about to open")
        : verdict(
            "Programmed",
            true,
            "Programmed",
            `listens on ${listening.host}:${listening.port}`,
          );
    const previous = status?.listeners?.find((one) => one.name === listener.name);
    return {
      host: programmed.status === "True" && listening ? reachable(listening.host) : undefined,
      status: {
        name: listener.name,
        supportedKinds: kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
        attachedRoutes,
        conditions: conditionsOf(
          previous?.conditions,
          [...planned.verdicts, programmed],
          generation,
          now,
        ),
      },
    };
  });
  const hosts = [...new Set(found.flatMap(({ host }) => host ?? []))];
  const accepted = listeners.filter(({ verdicts }) =>
    verdicts.every(
      ({ type, status: value }) =>
        type === "ResolvedRefs" || value === (type === "Conflicted" ? "False" : "True"),
    ),
  ).length;
  const isPartial = accepted < listeners.length;
  const verdicts = [
    addressProblem?.type === "Accepted"
      ? addressProblem
      : verdict(
          "Accepted",
          accepted > 0,
          isPartial ? "ListenersNotValid" : "Accepted",
          isPartial ? "some listeners are not served: see their conditions" : "",
        ),
    addressProblem?.type === "Programmed"
      ? addressProblem
      : addressProblem !== undefined
        ? verdict("Programmed", false, "Invalid", "see the other condition")
        : hosts.length > 0
          ? verdict("Programmed", true, "Programmed")
          : verdict(
              "Programmed",
              false,
              accepted > 0 ? "Pending" : "Invalid",
              "no listener is open: see their conditions",
            ),
  ];
  return {
    addresses: hosts.map((value) => ({
      type: ipFamily(value) === undefined ? "Hostname" : "IPAddress",
      value,
    })),
    conditions: conditionsOf(status?.conditions, verdicts, generation, now),
    listeners: found.map((one) => one.status),
  };
}

/** What is wrong with the addresses that are asked for. */
function addressVerdicts({ spec }: Gateway, hosts: readonly string[]): Verdict | undefined {
  for (const { type = "IPAddress", value } of spec.addresses ?? []) {
    if (type !== "IPAddress")
      return verdict(
        "Accepted",
        false,
        "UnsupportedAddress",
        `addresses of the type ${type} cannot be asked for`,
      );
    if (value !== undefined && value !== "" && hosts.length > 0 && !hosts.includes(value))
      return verdict(
        "Programmed",
        false,
        "AddressNotUsable",
        `Gateways are served on ${hosts.join(", ")}, not on ${value}; see --ingress-http`,
      );
  }
  return undefined;
}

/** The status of a route: what others wrote stays, what is not ours any more goes. */
export function routeParents(
  { route, attachments, resolved }: Omit<PlannedRoute, "kind">,
  now: string,
): RouteParentStatus[] {
  const before = route.status?.parents ?? [];
  const others = before.filter(({ controllerName }) => controllerName !== GATEWAY_CONTROLLER);
  const ours = attachments.map(({ parentRef, accepted }): RouteParentStatus => {
    const previous = before.find(
      (one) =>
        one.controllerName === GATEWAY_CONTROLLER &&
        sortedText(one.parentRef) === sortedText(parentRef),
    );
    return {
      parentRef,
      controllerName: GATEWAY_CONTROLLER,
      conditions: conditionsOf(
        previous?.conditions,
        [accepted, resolved],
        route.metadata.generation,
        now,
      ),
    };
  });
  return [...others, ...ours];
}

const sortedText = (object: object): string =>
  JSON.stringify(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
