import type { Ingress as UpstreamIngress } from "kubernetes-types/networking/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, orNone, textColumn } from "./columns.ts";
import { validateIngress } from "./ingress/validation.ts";

export type Ingress = Live<UpstreamIngress>;

const SHOWN_HOSTS = 3;

export const ingresses: Kind<Ingress> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "Ingress",
  plural: "ingresses",
  singular: "ingress",
  namespaced: true,
  shortNames: ["ing"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("networking.k8s.io/v1", "Ingress");
  },
  columns: [
    nameColumn,
    textColumn("Class", "Class of the controller that serves it.", ({ spec }) =>
      orNone(spec?.ingressClassName),
    ),
    textColumn("Hosts", "Hosts that it routes.", formatHosts),
    textColumn("Address", "Where it is reached.", ({ status }) =>
      (status?.loadBalancer?.ingress ?? [])
        .map(({ ip, hostname }) => ip || hostname || "")
        .filter((address) => address !== "")
        .join(","),
    ),
    textColumn("Ports", "Ports that it listens on.", ({ spec }) =>
      (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: ({ spec }) => validateIngress(spec) },
};

function formatHosts({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map(({ host }) => host ?? "").filter((host) => host !== "");
  if (hosts.length === 0) return "*";
  const shown = hosts.slice(0, SHOWN_HOSTS).join(",");
  return hosts.length > SHOWN_HOSTS ? `${shown} + ${hosts.length - SHOWN_HOSTS} more...` : shown;
}
