/** A place that notifications go to. Names follow Flux's Provider. */
import type { Condition } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { invalid, notSupported } from "./field-problems.ts";
import { readyColumn } from "./ready-column.ts";

export interface Provider extends KubeObject {
  spec: ProviderSpec;
  status?: DeliveryStatus;
}
export interface ProviderSpec {
  type: ProviderType;
  /** The Secret's key `address` goes before it. */
  address?: string;
  channel?: string;
  username?: string;
  secretRef?: { name: string };
  proxySecretRef?: { name: string };
  certSecretRef?: { name: string };
  /** Go-style duration of one request. @default 15s */
  timeout?: string;
  suspend?: boolean;
}
/** How deliveries go, of an Alert or to a Provider that Applications subscribe to by annotation. */
export interface DeliveryStatus {
  conditions?: Condition[];
  observedGeneration?: number;
  lastDeliveredAt?: string;
  delivered?: Delivered[];
}
export interface Delivered {
  /** `namespace/name`. */
  application: string;
  concern: string;
  /** Equal for the same happening. */
  id: string;
}

/** What a provider is for: messages to people, the state of a commit, a comment on its pull request. */
export const MESSAGE_TYPES = ["slack", "msteams", "discord", "generic", "generic-hmac"] as const;
export const COMMIT_STATUS_TYPES = [
  "github",
  "gitlab",
  "gitea",
  "bitbucket",
  "bitbucketserver",
  "azuredevops",
] as const;
export const COMMENT_TYPES = [
  "githubpullrequestcomment",
  "gitlabmergerequestcomment",
  "giteapullrequestcomment",
  "bitbucketpullrequestcomment",
  "bitbucketserverpullrequestcomment",
] as const;
const TYPES = [...MESSAGE_TYPES, ...COMMIT_STATUS_TYPES, ...COMMENT_TYPES] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];
export type CommitStatusType = (typeof COMMIT_STATUS_TYPES)[number];
export type CommentType = (typeof COMMENT_TYPES)[number];
export type ProviderType = (typeof TYPES)[number];

function validateProvider({ spec }: Provider): FieldError[] {
  const errors: FieldError[] = [];
  if (!TYPES.includes(spec.type)) errors.push(notSupported("spec.type", spec.type, TYPES));
  if (spec.address !== undefined && !/^https?:\/\/[^\s/]/i.test(spec.address))
    errors.push(invalid("spec.address", "<redacted>", "must be an http:// or https:// URL"));
  return errors;
}

export const providers: Kind<Provider> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Provider",
  plural: "providers",
  singular: "provider",
  namespaced: true,
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "Provider");
  },
  columns: [
    nameColumn,
    textColumn("Type", "What it is.", ({ spec }: Partial<Provider>) => spec?.type ?? ""),
    readyColumn,
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateProvider },
};
