/** Names of the listeners of the ingress proxy. */

export type IngressProtocol = "http" | "https";

/** The address of the Ingress for a protocol, or a further port, which a Gateway asks for. */
export interface ListenerName {
  readonly protocol: IngressProtocol;
  readonly port: number | undefined;
}

/** `http`, `https`, `http:8080`. */
export const listenerKey = ({ protocol, port }: ListenerName): string =>
  port === undefined ? protocol : `${protocol}:${port}`;

/** Ports by which Gateways mean the addresses of the Ingress. */
export const STANDARD_PORTS = { http: 80, https: 443 } as const;
