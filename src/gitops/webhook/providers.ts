/**
 * The senders of webhooks, as a table: how each is recognised, how its signature is checked, and
 * where its payload says which repository and which refs were pushed. The first that recognises a
 * request counts; Gitea comes before GitHub because it sends both families of headers.
 */
import { list, text, texts } from "./payload.ts";
import { equalSecrets, isHmac, isPrefixedHmac } from "./signature.ts";

/** A header's value; undefined when it is absent. */
export type Headers = (name: string) => string | undefined;

/** What was pushed. `refs` are full names; empty means that any may have changed. */
export interface PushEvent {
  readonly urls: readonly string[];
  readonly refs: readonly string[];
}

export interface Provider {
  /** Also the key of its secret. */
  readonly name: string;
  readonly recognises: (headers: Headers) => boolean;
  readonly verify: (headers: Headers, body: Buffer, secret: string) => boolean;
  /** Undefined for events that are no push: nothing to do. */
  readonly parse: (headers: Headers, payload: unknown) => PushEvent | undefined;
}

const push = (urls: readonly string[], refs: readonly (string | undefined)[]): PushEvent => ({
  urls,
  refs: refs.filter((ref) => ref !== undefined),
});

/** GitHub's payload, which Gitea and Gogs share. */
function githubPush(payload: unknown): PushEvent {
  const repository = ["repository"];
  const urls = texts(
    payload,
    [...repository, "clone_url"],
    [...repository, "ssh_url"],
    [...repository, "html_url"],
    [...repository, "git_url"],
    [...repository, "url"],
  );
  return push(urls, [text(payload, "ref")]);
}

export const PROVIDERS: readonly Provider[] = [
  {
    name: "gitea",
    recognises: (headers) => (headers("x-gitea-event") ?? headers("x-gogs-event")) !== undefined,
    verify: (headers, body, secret) =>
      isHmac("sha256", headers("x-gitea-signature") ?? headers("x-gogs-signature"), body, secret),
    parse: (headers, payload) =>
      (headers("x-gitea-event") ?? headers("x-gogs-event")) === "push"
        ? githubPush(payload)
        : undefined,
  },
  {
    name: "github",
    recognises: (headers) => headers("x-github-event") !== undefined,
    verify: (headers, body, secret) =>
      isPrefixedHmac(headers("x-hub-signature-256"), body, secret, ["sha256"]),
    parse: (headers, payload) =>
      headers("x-github-event") === "push" ? githubPush(payload) : undefined,
  },
  {
    name: "gitlab",
    recognises: (headers) => headers("x-gitlab-event") !== undefined,
    verify: (headers, _body, secret) => equalSecrets(headers("x-gitlab-token"), secret),
    parse: (headers, payload) => {
      const kind = text(payload, "object_kind") ?? text(payload, "event_name");
      const isPush = kind === "push" || kind === "tag_push" || kind === "repository_update";
      if (!isPush || !/^(Push|Tag Push|System) Hook$/.test(headers("x-gitlab-event") ?? ""))
        return undefined;
      const urls = texts(
        payload,
        ["project", "git_http_url"],
        ["project", "git_ssh_url"],
        ["project", "web_url"],
        ["repository", "git_http_url"],
        ["repository", "homepage"],
      );
      return push(urls, [text(payload, "ref"), ...list(payload, "refs").map((ref) => text(ref))]);
    },
  },
  {
    name: "bitbucket",
    recognises: (headers) => headers("x-event-key") !== undefined,
    verify: (headers, body, secret) =>
      isPrefixedHmac(headers("x-hub-signature"), body, secret, ["sha256"]),
    parse: (headers, payload) => {
      switch (headers("x-event-key")) {
        case "repo:push":
          return push(
            texts(payload, ["repository", "links", "html", "href"]),
            list(payload, "push", "changes").map((change) => {
              const name = text(change, "new", "name") ?? text(change, "old", "name");
              const isTag = (text(change, "new", "type") ?? text(change, "old", "type")) === "tag";
              return name === undefined ? undefined : `refs/${isTag ? "tags" : "heads"}/${name}`;
            }),
          );
        case "repo:refs_changed":
          return push(
            list(payload, "repository", "links", "clone")
              .map((link) => text(link, "href"))
              .filter((href) => href !== undefined),
            list(payload, "changes").map((change) => text(change, "ref", "id")),
          );
        default:
          return undefined;
      }
    },
  },
  {
    // Anything that can compute an HMAC: {"repository": "<url>", "ref": "refs/heads/main"}.
    name: "generic",
    recognises: (headers) => headers("x-signature") !== undefined,
    verify: (headers, body, secret) =>
      isPrefixedHmac(headers("x-signature"), body, secret, ["sha256", "sha512"]),
    parse: (_headers, payload) =>
      push(texts(payload, ["repository"], ["repository", "url"], ["repository", "clone_url"]), [
        text(payload, "ref"),
      ]),
  },
];
