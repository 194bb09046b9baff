/** Decides what a webhook request leads to. The signature is checked before anything is parsed. */
import { type Headers, PROVIDERS, type PushEvent } from "./providers.ts";

/** Upstream tools accept up to 50 MB; a push event with its commits is far smaller. */
export const MAX_WEBHOOK_BYTES = 3 * 1024 * 1024;
/** How long a sender may take for its body. */
export const WEBHOOK_TIMEOUT_MS = 30_000;

export type Received =
  | { readonly code: 200; readonly push: PushEvent | undefined; readonly provider: string }
  | { readonly code: 400 | 401; readonly message: string };

/** `secretOf` gives the secret shared with a provider. */
export function receiveWebhook(
  headers: Headers,
  body: Buffer,
  secretOf: (provider: string) => string | undefined,
): Received {
  const provider = PROVIDERS.find((candidate) => candidate.recognises(headers));
  if (provider === undefined) {
    const names = PROVIDERS.map((candidate) => candidate.name).join(", ");
    return { code: 400, message: `the request's headers are those of no known sender: ${names}` };
  }
  const secret = secretOf(provider.name);
  if (secret === undefined || secret === "")
    return { code: 401, message: `no webhook secret is configured for ${provider.name}` };
  if (!provider.verify(headers, body, secret))
    return { code: 401, message: `the signature does not fit the ${provider.name} webhook secret` };
  let payload: unknown;
  try {
    payload = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      return {
        code: 400,
        message: "the body is not JSON: configure the webhook to send application/json",
      };
    throw error;
  }
  return { code: 200, push: provider.parse(headers, payload), provider: provider.name };
}

/** `host/path` of a repository however its URL is written, so that clone URLs and web pages compare equal. */
export function repositoryId(url: string): string | undefined {
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/.exec(url);
  const [, host = "", path = ""] =
    scp ?? /^[a-z][a-z+]*:\/\/(?:[^@/\s]*@)?([^/:\s]+)(?::\d+)?\/(.+)$/i.exec(url) ?? [];
  if (host === "") return undefined;
  // Bitbucket Server serves clones below /scm.
  const clean = path
    .replace(/^scm\//, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  return `${host.toLowerCase()}/${clean.toLowerCase()}`;
}

/** Whether a push concerns somebody who follows `revision` of the repository at `url`. */
export function concerns(push: PushEvent, url: string, revision: string): boolean {
  const own = repositoryId(url);
  if (own === undefined || !push.urls.some((pushed) => repositoryId(pushed) === own)) return false;
  if (push.refs.length === 0 || revision === "" || revision === "HEAD") return true;
  return push.refs.some(
    (ref) =>
      ref === revision || ref === `refs/heads/${revision}` || ref === `refs/tags/${revision}`,
  );
}
