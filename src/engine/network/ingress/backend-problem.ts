/** What a route leads to in a Service, and why it may lead nowhere. Pure. */
import type { Service } from "../../../kube/kinds/service.ts";
import type { RouteBackend } from "./route-backend.ts";

/** Why no request can be sent there; undefined when some can. */
export function backendProblem(
  route: RouteBackend,
  serviceOf: (key: string) => Service | undefined,
): string | undefined {
  const service = serviceOf(serviceKey(route));
  if (service === undefined) return `there is no Service ${route.service}; create it`;
  if (service.spec?.type === "ExternalName")
    return externalOf(service, route).length > 0
      ? undefined
      : `the Service ${route.service} of type ExternalName has no port ${route.port}; name it by its number`;
  return portOf(service, route) === undefined
    ? `the Service ${route.service} has no TCP port ${route.port}; name one that it has`
    : undefined;
}

export const serviceKey = ({ namespace, service }: RouteBackend): string =>
  `${namespace}/${service}`;

export function externalOf({ spec }: Service, { port }: RouteBackend) {
  const number =
    typeof port === "number" ? port : spec?.ports?.find(({ name }) => name === port)?.port;
  const address = spec?.externalName?.replace(/\.$/, "");
  return address === undefined || number === undefined ? [] : [{ address, port: number }];
}

export function portOf({ spec }: Service, { port }: RouteBackend) {
  return spec?.ports?.find(
    (candidate) =>
      (candidate.protocol ?? "TCP") === "TCP" &&
      (typeof port === "number" ? candidate.port === port : candidate.name === port),
  );
}
