/** A webhook address of its own, with its own secret. Names follow Flux's Receiver. */
import type { Condition } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import type { EventSource } from "./event-source.ts";
import { invalid, notSupported, required } from "./field-problems.ts";
import { readyColumn } from "./ready-column.ts";

export interface Receiver extends KubeObject {
  spec: ReceiverSpec;
  status?: {
    conditions?: Condition[];
    observedGeneration?: number;
    /** `/hook/<64 hexadecimal digits>`. */
    webhookPath?: string;
  };
}
export interface ReceiverSpec {
  type: ReceiverType;
  /** As the sender's event header names them. @default all */
  events?: string[];
  resources: EventSource[];
  /** Required unless the type is `generic-oidc`. */
  secretRef?: { name: string };
  /** For `generic-oidc`. */
  oidcProviders?: OidcProvider[];
  suspend?: boolean;
}
export interface OidcProvider {
  issuerURL: string;
  audience: string;
  /** CEL over `claims`; all must be true. */
  validations?: { expression: string; message?: string }[];
}

export const RECEIVER_TYPES = [
  "generic",
  "generic-hmac",
  "generic-oidc",
  "github",
  "gitea",
  "gogs",
  "gitlab",
  "bitbucket",
  "azuredevops",
  "ghcr",
  "harbor",
  "quay",
  "dockerhub",
  "acr",
  "gcr",
  "nexus",
  "cdevents",
] as const;
export type ReceiverType = (typeof RECEIVER_TYPES)[number];

function validateReceiver({ spec }: Receiver): FieldError[] {
  const { type, oidcProviders = [] } = spec;
  const errors: FieldError[] = [];
  if (!RECEIVER_TYPES.includes(type)) errors.push(notSupported("spec.type", type, RECEIVER_TYPES));
  if (type === "generic-oidc") {
    if (oidcProviders.length === 0) errors.push(required("spec.oidcProviders"));
  } else if (spec.secretRef === undefined) errors.push(required("spec.secretRef"));
  for (const [index, { issuerURL, audience }] of oidcProviders.entries()) {
    const field = `spec.oidcProviders[${index}]`;
    if (!/^https?:\/\/[^\s/]/i.test(issuerURL))
      errors.push(invalid(`${field}.issuerURL`, issuerURL, "must be an https:// URL"));
    if (audience === "") errors.push(required(`${field}.audience`));
  }
  return errors;
}

export const receivers: Kind<Receiver> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Receiver",
  plural: "receivers",
  singular: "receiver",
  namespaced: true,
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "Receiver");
  },
  columns: [
    nameColumn,
    textColumn("Type", "Who sends.", ({ spec }: Partial<Receiver>) => spec?.type ?? ""),
    readyColumn,
    textColumn("Path", "Where it listens.", ({ status }: Receiver) => status?.webhookPath ?? "", 1),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateReceiver },
};
