/** Ingresses for tests, written briefly. */
import type { Ingress } from "../../../../src/kube/kinds/ingress.ts";
import type { IngressClass } from "../../../../src/kube/kinds/ingressclass.ts";

export interface Rule {
  /** @default every host */
  readonly host?: string;
  /** @default "/" */
  readonly path?: string;
  /** @default "Prefix" */
  readonly type?: "Exact" | "Prefix" | "ImplementationSpecific";
  /** A Service, or `service:port`. */
  readonly to: string;
}
export interface IngressDraft {
  readonly name?: string;
  readonly rules?: readonly Rule[];
  readonly defaultTo?: string;
  readonly tls?: readonly { readonly hosts?: string[]; readonly secretName?: string }[];
  readonly class?: string;
  readonly annotations?: Record<string, string>;
  /** Seconds after the first one. */
  readonly age?: number;
}

export function ingressOf(draft: IngressDraft): Ingress {
  const { name = "web", rules = [], defaultTo, tls, annotations } = draft;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name,
      namespace: "default",
      ...(annotations === undefined ? {} : { annotations }),
      ...(draft.age === undefined
        ? {}
        : { creationTimestamp: new Date(draft.age * 1000).toISOString() }),
    },
    spec: {
      ...(draft.class === undefined ? {} : { ingressClassName: draft.class }),
      ...(tls === undefined ? {} : { tls: tls.map((entry) => ({ ...entry })) }),
      ...(defaultTo === undefined ? {} : { defaultBackend: backendOf(defaultTo) }),
      ...(rules.length === 0
        ? {}
        : {
            rules: rules.map(({ host, path = "/", type = "Prefix", to }) => ({
              ...(host === undefined ? {} : { host }),
              http: { paths: [{ path, pathType: type, backend: backendOf(to) }] },
            })),
          }),
    },
  };
}

function backendOf(to: string) {
  const [name = "", port = "80"] = to.split(":");
  const number = Number(port);
  return { service: { name, port: Number.isNaN(number) ? { name: port } : { number } } };
}

export function classOf(
  name: string,
  controller: string,
  options: { readonly isDefault?: boolean; readonly age?: number } = {},
): IngressClass {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    metadata: {
      name,
      creationTimestamp: new Date((options.age ?? 0) * 1000).toISOString(),
      ...(options.isDefault === true
        ? { annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } }
        : {}),
    },
    spec: { controller },
  };
}
