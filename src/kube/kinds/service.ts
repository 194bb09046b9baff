import type { ServicePort } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Label } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import {
  ageColumn,
  formatLabels,
  NONE,
  nameColumn,
  orNone,
  textColumn,
  UNKNOWN,
} from "./columns.ts";
import { rewrite } from "./rewrite.ts";
import { carryOver } from "./service/carry-over.ts";
import { SERVICE_DEFAULTS } from "./service/defaults.ts";
import { validateLoadBalancerStatus } from "./service/load-balancer-rules.ts";
import type { Service } from "./service/service-object.ts";
import { validateService, validateServiceUpdate } from "./service/validation.ts";
import { serviceWarnings } from "./service/warnings.ts";

export type { Service };

export const services: Kind<Service> = {
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  singular: "service",
  namespaced: true,
  shortNames: ["svc"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Service");
  },
  columns: [
    nameColumn,
    textColumn("Type", "How the service is exposed.", ({ spec }) => spec?.type ?? "ClusterIP"),
    textColumn("Cluster-IP", "Address of the service inside the cluster.", ({ spec }) =>
      orNone(spec?.clusterIPs?.[0] ?? spec?.clusterIP),
    ),
    textColumn("External-IP", "Addresses of the service outside the cluster.", externalAddress),
    textColumn("Port(s)", "Ports of the service, with node ports.", ({ spec }) =>
      orNone((spec?.ports ?? []).map(formatPort).join(",")),
    ),
    ageColumn,
    textColumn(
      "Selector",
      "Labels of the pods that traffic is routed to.",
      ({ spec }) => formatLabels(spec?.selector),
      1,
    ),
  ],
  selectableFields: {
    "spec.clusterIP": ({ spec }) => spec?.clusterIP ?? "",
    "spec.type": ({ spec }) => spec?.type ?? "",
  },
  strategy: {
    validateName: dns1123Label,
    prepareForUpdate: carryOver,
    default: (service) => rewrite(service, SERVICE_DEFAULTS),
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    validateStatusUpdate: validateLoadBalancerStatus,
    warnings: serviceWarnings,
  },
};

function formatPort({ port, nodePort, protocol }: ServicePort): string {
  const node = (nodePort ?? 0) === 0 ? "" : `:${nodePort}`;
  return `${port}${node}/${protocol ?? "TCP"}`;
}

function externalAddress({ spec, status }: Service): string {
  const externalIPs = spec?.externalIPs ?? [];
  switch (spec?.type ?? "ClusterIP") {
    case "ClusterIP":
    case "NodePort":
      return externalIPs.length === 0 ? NONE : externalIPs.join(",");
    case "LoadBalancer": {
      const balanced = (status?.loadBalancer?.ingress ?? []).map(
        ({ ip, hostname }) => ip || hostname || "",
      );
      const addresses = [...new Set(balanced)].toSorted().concat(externalIPs);
      return addresses.length === 0 ? "<pending>" : addresses.join(",");
    }
    case "ExternalName":
      return spec?.externalName ?? "";
    default:
      return UNKNOWN;
  }
}
