/** The ports at which a pod really listens for a Service. */
import type { Container, ServicePort } from "kubernetes-types/core/v1";
import type { EndpointPort } from "kubernetes-types/discovery/v1";
import { isObject } from "../../../kube/json-object.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { HOST_PORTS_ANNOTATION } from "../../pod-contract.ts";

/** Sorted by name. Ports whose `targetPort` the pod does not have are left out. */
export function endpointPorts(service: Service, pod: Pod): readonly EndpointPort[] {
  const hostPorts = hostPortsOf(pod);
  return (service.spec?.ports ?? [])
    .flatMap((servicePort) => {
      const containerPort = resolve(servicePort, pod);
      if (containerPort === undefined) return [];
      const { name = "", protocol = "TCP", appProtocol } = servicePort;
      const port = hostPorts[String(containerPort)] ?? containerPort;
      return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.port - b.port));
}

/** Equal for equal port lists: endpoints of one slice share their ports. */
export function portSetKey(ports: readonly EndpointPort[] | undefined): string {
  return JSON.stringify(
    (ports ?? [])
      .map(({ name = "", port, protocol = "TCP", appProtocol = "" }) => [
        name,
        port,
        protocol,
        appProtocol,
      ])
      .sort((a, b) => (String(a) < String(b) ? -1 : 1)),
  );
}

function resolve(
  { port, targetPort = port, protocol = "TCP" }: ServicePort,
  pod: Pod,
): number | undefined {
  if (typeof targetPort === "number") return targetPort === 0 ? port : targetPort;
  for (const container of listeners(pod))
    for (const { name, containerPort, protocol: own = "TCP" } of container.ports ?? [])
      if (name === targetPort && own === protocol) return containerPort;
  return undefined;
}

/** Containers that run beside each other: sidecars are init containers that are always restarted. */
function listeners({ spec }: Pod): readonly Container[] {
  const sidecars = (spec?.initContainers ?? []).filter(
    (container) => container.restartPolicy === "Always",
  );
  return [...(spec?.containers ?? []), ...sidecars];
}

function hostPortsOf(pod: Pod): Readonly<Record<string, number>> {
  const text = pod.metadata.annotations?.[HOST_PORTS_ANNOTATION];
  if (text === undefined) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Anybody may write annotations: what the agent did not write means nothing.
    return {};
  }
  if (!isObject(parsed)) return {};
  const entries = Object.entries(parsed).filter((entry): entry is [string, number] =>
    Number.isInteger(entry[1]),
  );
  return Object.fromEntries(entries);
}
