/** Fetches a list of pull requests: bounded in time, size and pages, and only from where the URL says. */
import { Agent, request } from "undici";
import type { PullRequestGenerator } from "../../kube/kinds/applicationset.ts";
import type { Json } from "../../kube/object.ts";
import { addressGuard } from "../source/address-guard.ts";
import { SourceError } from "../source/source-error.ts";
import { GeneratorError } from "./parameters.ts";
import { itemsOf } from "./pull-requests.ts";

const TIMEOUT_MS = 30_000;
/** A page of a hundred pull requests of GitHub is about 2 MB. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
const MAX_PAGES = 20;

/** Sent as `Authorization`; neither logged nor part of an error. */
export interface ListCredential {
  readonly authorization: string;
}

/** Follows `Link: rel="next"` and Bitbucket's `next`, on the same host only. */
export async function fetchPullRequests(
  { url, itemsPath }: PullRequestGenerator,
  credential: ListCredential | undefined,
  signal: AbortSignal,
): Promise<Json[]> {
  const start = parse(url);
  const guard = addressGuard(start);
  const agent = new Agent({
    connect: { lookup: guard.lookup, timeout: TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_PAGE_BYTES,
  });
  try {
    const items: Json[] = [];
    let next: URL | undefined = start;
    for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
      guard.checkHost(next.hostname);
      const answer: Page = await fetchPage(next, { agent, credential, signal });
      items.push(...itemsOf(answer.body, itemsPath));
      next = answer.next === undefined ? undefined : sameOrigin(answer.next, start);
    }
    return items;
  } finally {
    await agent.destroy();
  }
}

interface Page {
  readonly body: Json;
  readonly next: string | undefined;
}

async function fetchPage(
  url: URL,
  {
    agent,
    credential,
    signal,
  }: { agent: Agent; credential: ListCredential | undefined; signal: AbortSignal },
): Promise<Page> {
  const where = url.origin + url.pathname;
  let text: string;
  let link: string | undefined;
  try {
    const answer = await request(url, {
      dispatcher: agent,
      signal,
      headers: { accept: "application/json", "user-agent": "gantry", ...credential },
    });
    text = await answer.body.text();
    if (answer.statusCode !== 200)
      throw new GeneratorError(`${where} answered ${answer.statusCode} instead of a list`);
    link = [answer.headers["link"] ?? []].flat().join(",");
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GeneratorError || error instanceof SourceError) throw error;
    throw new GeneratorError(`${where} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const body = parseJson(text, where);
  const wrapped =
    typeof body === "object" && body !== null && "next" in body && typeof body.next === "string"
      ? body.next
      : undefined;
  return { body, next: /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link)?.[1] ?? wrapped };
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== "" ||
    url.password !== ""
  )
    throw new GeneratorError("pullRequest.url must be an http or https URL without credentials");
  return url;
}

/** A credential is never sent to where an answer, rather than the user, says. */
function sameOrigin(next: string, start: URL): URL | undefined {
  if (!URL.canParse(next, start.href)) return undefined;
  const url = new URL(next, start.href);
  return url.origin === start.origin ? url : undefined;
}

function parseJson(text: string, where: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new GeneratorError(`${where} answered no JSON`, { cause: error });
  }
}
