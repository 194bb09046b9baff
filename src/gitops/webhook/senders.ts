/** Every sender, in the order in which they are asked whether a request is theirs. */
import type { ReceiverType } from "../../kube/kinds/receiver.ts";
import { azureDevOps, bitbucket, genericHmac, gitea, github, gitlab, gogs } from "./git-senders.ts";
import { acr, cdevents, dockerhub, gcr, ghcr, harbor, nexus, quay } from "./registry-senders.ts";
import type { Sender } from "./sender.ts";

export const SENDERS: readonly Sender[] = [
  azureDevOps,
  gitea,
  gogs,
  ghcr,
  github,
  gitlab,
  bitbucket,
  nexus,
  genericHmac,
  harbor,
];

/** Nothing is known of the request: whoever knows the path may send it. */
const anybody: Sender = {
  name: "generic",
  recognises: () => false,
  verify: () => true,
  event: () => undefined,
  parse: () => ({ urls: [], refs: [], artifacts: [] }),
};

/** The senders of Receivers. Tokens of `generic-oidc` and `gcr` are checked apart. */
export const RECEIVER_SENDERS: Readonly<Record<ReceiverType, Sender>> = {
  generic: anybody,
  "generic-hmac": genericHmac,
  "generic-oidc": anybody,
  github,
  gitea,
  gogs,
  gitlab,
  bitbucket,
  azuredevops: azureDevOps,
  ghcr,
  harbor,
  quay,
  dockerhub,
  acr,
  gcr,
  nexus,
  cdevents,
};
