/** A port of a Service, by name or number: what routes lead to. */
export interface RouteBackend {
  readonly namespace: string;
  readonly service: string;
  readonly port: string | number;
  /** Spoken to by HTTP/2 whatever the Service says: GRPCRoutes and annotations ask for it. */
  readonly isHttp2?: boolean;
}

export const routeKey = ({ namespace, service, port, isHttp2 = false }: RouteBackend): string =>
  `${namespace}/${service}:${typeof port}:${port}${isHttp2 ? ":h2c" : ""}`;
