/** Requests that give a commit a status, as a table of forges. Pure. */
import { createHash } from "node:crypto";
import type { CommitStatusType } from "../../../kube/kinds/provider.ts";
import type { CommitState } from "../commit-state.ts";
import { cut } from "../message.ts";
import type { OutgoingRequest } from "../session.ts";
import {
  azureDevOpsApi,
  bitbucketApi,
  bitbucketServerApi,
  type ForgeApi,
  giteaApi,
  githubApi,
  gitlabApi,
} from "./api.ts";
import { type ForgeAccess, joined } from "./forge.ts";

export interface CommitStatus extends CommitState {
  /** Equal for all statuses of one Application: `gantry/<namespace>/<name>`. */
  readonly context: string;
  readonly link?: string | undefined;
}

/** What forges take of a description, and of names. */
const MAX_DESCRIPTION = { github: 140, others: 255 } as const;
const MAX_NAME = 255;

interface Forge {
  readonly api: ForgeApi;
  /** Path below the repository. */
  readonly path: (revision: string) => string;
  readonly body: (status: CommitStatus, access: ForgeAccess) => object;
}

const BITBUCKET_STATES = {
  pending: "INPROGRESS",
  success: "SUCCESSFUL",
  failure: "FAILED",
} as const;

const githubBody = ({ state, context, description, link }: CommitStatus): object => ({
  state,
  context: cut(context, MAX_NAME),
  description: cut(description, MAX_DESCRIPTION.github),
  ...(link === undefined ? {} : { target_url: link }),
});

/** The key has at most 40 characters; an address is required. */
const bitbucketBody = (
  { state, context, description, link }: CommitStatus,
  { origin, path }: ForgeAccess,
): object => ({
  key: createHash("sha1").update(context).digest("hex"),
  state: BITBUCKET_STATES[state],
  name: cut(context, MAX_NAME),
  description: cut(description, MAX_DESCRIPTION.others),
  url: link ?? `${origin}/${joined(path)}`,
});

const FORGES: Readonly<Record<CommitStatusType, Forge>> = {
  github: { api: githubApi, path: (sha) => `statuses/${sha}`, body: githubBody },
  gitea: { api: giteaApi, path: (sha) => `statuses/${sha}`, body: githubBody },
  gitlab: {
    api: gitlabApi,
    path: (sha) => `statuses/${sha}`,
    body: ({ state, context, description, link }) => ({
      state: { pending: "running", success: "success", failure: "failed" }[state],
      name: cut(context, MAX_NAME),
      description: cut(description, MAX_DESCRIPTION.others),
      ...(link === undefined ? {} : { target_url: link }),
    }),
  },
  bitbucket: {
    api: bitbucketApi,
    path: (sha) => `commit/${sha}/statuses/build`,
    body: bitbucketBody,
  },
  bitbucketserver: {
    api: bitbucketServerApi,
    path: (sha) => `commits/${sha}/builds`,
    body: bitbucketBody,
  },
  azuredevops: {
    api: azureDevOpsApi,
    path: (sha) => `commits/${sha}/statuses?api-version=7.1`,
    body: ({ state, context, description, link }) => ({
      state: { pending: "pending", success: "succeeded", failure: "failed" }[state],
      description: cut(description, MAX_DESCRIPTION.others),
      context: { genre: "gantry", name: cut(context.replace(/^gantry\//, ""), MAX_NAME) },
      ...(link === undefined ? {} : { targetUrl: link }),
    }),
  },
};

/** @throws DeliveryError `configuration` */
export function commitStatusRequest(
  type: CommitStatusType,
  access: ForgeAccess,
  status: CommitStatus,
): OutgoingRequest {
  const { api, path, body } = FORGES[type];
  const { base, headers } = api(access);
  return {
    method: "POST",
    url: `${base}/${path(status.revision)}`,
    headers,
    body: JSON.stringify(body(status, access)),
  };
}
