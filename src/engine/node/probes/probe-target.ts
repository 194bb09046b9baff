/** Where a probe or hook connects to: named ports resolved, container ports mapped to real ones. */
import type { HTTPGetAction } from "kubernetes-types/core/v1";
import type { Container } from "../pod-model.ts";

export interface TargetContext {
  readonly container: Container;
  readonly podIP: string;
  readonly portMap: ReadonlyMap<number, number>;
}
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Throws an `Error` that names the port when the container has none of that name. */
export function targetOf(
  action: { readonly host?: string; readonly port: number | string },
  { container, podIP, portMap }: TargetContext,
): Target {
  const port = containerPort(action.port, container);
  const host = action.host ?? "";
  // A host of its own is some other program: its ports are not ours to map.
  return host === "" ? { host: podIP, port: portMap.get(port) ?? port } : { host, port };
}

function containerPort(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  const named = container.ports?.find(({ name }) => name === port);
  if (named === undefined)
    throw new Error(`couldn't find port: "${port}" in container "${container.name}"`);
  return named.containerPort;
}

export function urlOf(action: HTTPGetAction, context: TargetContext): URL {
  const { host, port } = targetOf(action, context);
  const path = action.path ?? "/";
  const scheme = (action.scheme ?? "HTTP").toLowerCase();
  const authority = host.includes(":") ? `[${host}]` : host;
  return new URL(`${scheme}://${authority}:${port}${path.startsWith("/") ? path : `/${path}`}`);
}
