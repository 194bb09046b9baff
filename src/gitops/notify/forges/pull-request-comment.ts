/**
 * One comment per pull request and Application, updated in place: a marker in its first line tells
 * it from others. Which pull request a commit belongs to is asked of the forge.
 */
import type { CommentType } from "../../../kube/kinds/provider.ts";
import { field, list, text } from "../../webhook/payload.ts";
import { DeliveryError } from "../delivery-error.ts";
import type { OutgoingRequest, Session } from "../session.ts";
import {
  type Api,
  bitbucketApi,
  bitbucketServerApi,
  type ForgeApi,
  giteaApi,
  githubApi,
  gitlabApi,
} from "./api.ts";
import type { ForgeAccess } from "./forge.ts";

/** Comments that are looked through for our own. */
const MAX_PAGES = 10;
const PAGE_SIZE = 100;
/** A commit that is in more pull requests than this comments on the first. */
const MAX_PULL_REQUESTS = 5;

interface Comment {
  readonly id: string;
  readonly body: string;
  /** Bitbucket Server wants it back. */
  readonly version?: number;
}
interface Page {
  readonly comments: readonly Comment[];
  /** Query of the next page. */
  readonly next?: string | undefined;
}

interface Forge {
  readonly api: ForgeApi;
  readonly marker: (name: string) => string;
  /** Below the repository. */
  readonly pullRequestsOf: (revision: string) => string;
  readonly numbers: (answer: unknown) => readonly unknown[];
  readonly comments: (number: string) => string;
  readonly firstPage: string;
  readonly page: (answer: unknown, pageNumber: number) => Page;
  readonly create: (
    number: string,
    body: string,
  ) => Pick<OutgoingRequest, "method" | "body"> & { path: string };
  readonly update: (
    number: string,
    comment: Comment,
    body: string,
  ) => Pick<OutgoingRequest, "method" | "body"> & { path: string };
}

const htmlMarker = (name: string): string => `<!-- gantry: ${name} -->`;
/** Bitbucket shows HTML comments; a link that nothing refers to is shown nowhere. */
const linkMarker = (name: string): string => `[//]: # (gantry: ${name})`;
const numbered = (answer: unknown, pageNumber: number, items: readonly unknown[]): Page => ({
  comments: items.flatMap((item) => {
    const id = field(item, "id");
    const body = text(item, "body") ?? text(item, "content", "raw");
    return (typeof id === "number" || typeof id === "string") && body !== undefined
      ? [{ id: String(id), body }]
      : [];
  }),
  next:
    items.length < PAGE_SIZE || text(answer, "next") === "" ? undefined : `page=${pageNumber + 1}`,
});

const githubLike = {
  marker: htmlMarker,
  comments: (number: string) => `issues/${number}/comments`,
  firstPage: `per_page=${PAGE_SIZE}`,
  page: (answer: unknown, pageNumber: number) =>
    numbered(answer, pageNumber, Array.isArray(answer) ? answer : []),
  create: (number: string, body: string) => ({
    method: "POST" as const,
    path: `issues/${number}/comments`,
    body: JSON.stringify({ body }),
  }),
  update: (_number: string, { id }: Comment, body: string) => ({
    method: "PATCH" as const,
    path: `issues/comments/${id}`,
    body: JSON.stringify({ body }),
  }),
};

const FORGES: Readonly<Record<CommentType, Forge>> = {
  githubpullrequestcomment: {
    ...githubLike,
    api: githubApi,
    pullRequestsOf: (sha) => `commits/${sha}/pulls`,
    numbers: (answer) => (Array.isArray(answer) ? answer : []).map((one) => field(one, "number")),
  },
  giteapullrequestcomment: {
    ...githubLike,
    api: giteaApi,
    firstPage: `limit=${PAGE_SIZE}`,
    pullRequestsOf: (sha) => `commits/${sha}/pull`,
    numbers: (answer) => [field(answer, "number")],
  },
  gitlabmergerequestcomment: {
    api: gitlabApi,
    marker: htmlMarker,
    pullRequestsOf: (sha) => `repository/commits/${sha}/merge_requests`,
    numbers: (answer) => (Array.isArray(answer) ? answer : []).map((one) => field(one, "iid")),
    comments: (number) => `merge_requests/${number}/notes`,
    firstPage: `per_page=${PAGE_SIZE}`,
    page: githubLike.page,
    create: (number, body) => ({
      method: "POST",
      path: `merge_requests/${number}/notes`,
      body: JSON.stringify({ body }),
    }),
    update: (number, { id }, body) => ({
      method: "PUT",
      path: `merge_requests/${number}/notes/${id}`,
      body: JSON.stringify({ body }),
    }),
  },
  bitbucketpullrequestcomment: {
    api: bitbucketApi,
    marker: linkMarker,
    pullRequestsOf: (sha) => `commit/${sha}/pullrequests`,
    numbers: (answer) => list(answer, "values").map((one) => field(one, "id")),
    comments: (number) => `pullrequests/${number}/comments`,
    firstPage: `pagelen=${PAGE_SIZE}`,
    page: (answer, pageNumber) =>
      numbered(
        answer,
        pageNumber,
        list(answer, "values").filter((one) => field(one, "deleted") !== true),
      ),
    create: (number, body) => ({
      method: "POST",
      path: `pullrequests/${number}/comments`,
      body: JSON.stringify({ content: { raw: body } }),
    }),
    update: (number, { id }, body) => ({
      method: "PUT",
      path: `pullrequests/${number}/comments/${id}`,
      body: JSON.stringify({ content: { raw: body } }),
    }),
  },
  bitbucketserverpullrequestcomment: {
    api: bitbucketServerApi,
    marker: linkMarker,
    pullRequestsOf: (sha) => `commits/${sha}/pull-requests`,
    numbers: (answer) => list(answer, "values").map((one) => field(one, "id")),
    comments: (number) => `pull-requests/${number}/activities`,
    firstPage: `limit=${PAGE_SIZE}`,
    page: (answer) => {
      const start = field(answer, "nextPageStart");
      return {
        comments: list(answer, "values").flatMap((activity) => {
          const [id, version] = [
            field(activity, "comment", "id"),
            field(activity, "comment", "version"),
          ];
          const body = text(activity, "comment", "text");
          return typeof id === "number" && body !== undefined
            ? [{ id: String(id), body, ...(typeof version === "number" ? { version } : {}) }]
            : [];
        }),
        next:
          field(answer, "isLastPage") === false && typeof start === "number"
            ? `start=${start}`
            : undefined,
      };
    },
    create: (number, body) => ({
      method: "POST",
      path: `pull-requests/${number}/comments`,
      body: JSON.stringify({ text: body }),
    }),
    update: (number, { id, version }, body) => ({
      method: "PUT",
      path: `pull-requests/${number}/comments/${id}`,
      body: JSON.stringify({ text: body, version: version ?? 0 }),
    }),
  },
};

export interface CommentRequest {
  /** Whose comment it is: `namespace/name` of the Application. */
  readonly name: string;
  readonly revision: string;
  /** Number of the pull request, where the Application says it. @default asked of the forge */
  readonly pullRequest?: string | undefined;
  readonly body: (marker: string) => string;
}

/** Writes or updates the comments. A commit of no pull request gets none. @throws DeliveryError */
export async function comment(
  type: CommentType,
  access: ForgeAccess,
  session: Session,
  { name, revision, pullRequest, body }: CommentRequest,
  signal: AbortSignal,
): Promise<void> {
  const forge = FORGES[type];
  const api = forge.api(access);
  const marker = forge.marker(name);
  const numbers =
    pullRequest === undefined
      ? await pullRequestsOf(forge, api, revision, session, signal)
      : [pullRequest].filter((number) => /^\d{1,12}$/.test(number));
  const content = body(marker);
  for (const number of numbers) {
    const own = await ownComment({ forge, api, session, signal }, number, marker);
    if (own?.body === content) continue;
    const { path, ...request } =
      own === undefined ? forge.create(number, content) : forge.update(number, own, content);
    await session.send({ ...request, url: `${api.base}/${path}`, headers: api.headers }, signal);
  }
}

async function pullRequestsOf(
  forge: Forge,
  api: Api,
  revision: string,
  session: Session,
  signal: AbortSignal,
): Promise<string[]> {
  const url = `${api.base}/${forge.pullRequestsOf(revision)}`;
  let answer: unknown;
  try {
    answer = parse((await session.send({ method: "GET", url, headers: api.headers }, signal)).text);
  } catch (error) {
    // Forges answer 404 for a commit that is in no pull request.
    if (error instanceof DeliveryError && error.status === 404) return [];
    throw error;
  }
  return forge
    .numbers(answer)
    .filter((number) => typeof number === "number" && Number.isSafeInteger(number) && number > 0)
    .slice(0, MAX_PULL_REQUESTS)
    .map(String);
}

async function ownComment(
  {
    forge,
    api,
    session,
    signal,
  }: { forge: Forge; api: Api; session: Session; signal: AbortSignal },
  number: string,
  marker: string,
): Promise<Comment | undefined> {
  let query = "";
  for (let pageNumber = 1; pageNumber <= MAX_PAGES; pageNumber++) {
    const url = `${api.base}/${forge.comments(number)}?${[forge.firstPage, query].filter(Boolean).join("&")}`;
    const { text: answer } = await session.send(
      { method: "GET", url, headers: api.headers },
      signal,
    );
    const page = forge.page(parse(answer), pageNumber);
    const own = page.comments.find(({ body }) => body.startsWith(marker));
    if (own !== undefined || page.next === undefined) return own;
    query = page.next;
  }
  return undefined;
}

function parse(answer: string): unknown {
  if (answer === "") return undefined;
  try {
    return JSON.parse(answer) as unknown;
  } catch {
    throw new DeliveryError("unavailable", "the forge's answer is not JSON");
  }
}
