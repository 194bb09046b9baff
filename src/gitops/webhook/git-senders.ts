/** The forges. Gitea and Gogs send GitHub's headers too, so they are asked before it. */
import { basicAuthorization, equalSecrets, isHmac, isPrefixedHmac } from "./signature.ts";
import { list, text, texts } from "./payload.ts";
import { gitPush, type PushEvent, type Sender } from "./sender.ts";

/** GitHub's payload, which Gitea and Gogs share. */
function githubPush(payload: unknown): PushEvent {
  const urls = texts(
    payload,
    ["repository", "clone_url"],
    ["repository", "ssh_url"],
    ["repository", "html_url"],
    ["repository", "git_url"],
    ["repository", "url"],
  );
  return gitPush(urls, [text(payload, "ref")]);
}

export const azureDevOps: Sender = {
  name: "azuredevops",
  recognises: (headers) => headers("x-vss-activityid") !== undefined,
  // The secret is `username:password`, as the service hook has it.
  verify: (headers, _body, secret) =>
    equalSecrets(headers("authorization"), basicAuthorization(secret)),
  event: (_headers, payload) => text(payload, "eventType"),
  parse: (_headers, payload) => {
    if (text(payload, "eventType") !== "git.push") return undefined;
    const repository = ["resource", "repository"];
    const urls = texts(
      payload,
      [...repository, "remoteUrl"],
      [...repository, "sshUrl"],
      [...repository, "webUrl"],
      [...repository, "url"],
    );
    const updates = list(payload, "resource", "refUpdates");
    return gitPush(
      urls,
      updates.map((update) => text(update, "name")),
    );
  },
};

export const gitea: Sender = {
  name: "gitea",
  recognises: (headers) => headers("x-gitea-event") !== undefined,
  verify: (headers, body, secret) => isHmac("sha256", headers("x-gitea-signature"), body, secret),
  event: (headers) => headers("x-gitea-event"),
  parse: (headers, payload) =>
    headers("x-gitea-event") === "push" ? githubPush(payload) : undefined,
};

export const gogs: Sender = {
  name: "gogs",
  secretOf: "gitea",
  recognises: (headers) => headers("x-gogs-event") !== undefined,
  verify: (headers, body, secret) => isHmac("sha256", headers("x-gogs-signature"), body, secret),
  event: (headers) => headers("x-gogs-event"),
  parse: (headers, payload) =>
    headers("x-gogs-event") === "push" ? githubPush(payload) : undefined,
};

export const github: Sender = {
  name: "github",
  recognises: (headers) => headers("x-github-event") !== undefined,
  verify: verifyGitHub,
  event: (headers) => headers("x-github-event"),
  parse: (headers, payload) =>
    headers("x-github-event") === "push" ? githubPush(payload) : undefined,
};

/** SHA-1 counts for old servers only, which send nothing better. */
export function verifyGitHub(
  headers: (name: string) => string | undefined,
  body: Buffer,
  secret: string,
): boolean {
  const signature = headers("x-hub-signature-256");
  return signature === undefined
    ? isPrefixedHmac(headers("x-hub-signature"), body, secret, ["sha1"])
    : isPrefixedHmac(signature, body, secret, ["sha256"]);
}

const GITLAB_KINDS = new Set(["push", "tag_push", "repository_update"]);

export const gitlab: Sender = {
  name: "gitlab",
  recognises: (headers) => headers("x-gitlab-event") !== undefined,
  verify: (headers, _body, secret) => equalSecrets(headers("x-gitlab-token"), secret),
  event: (headers) => headers("x-gitlab-event"),
  parse: (headers, payload) => {
    const kind = text(payload, "object_kind") ?? text(payload, "event_name") ?? "";
    const isPush = /^(Push|Tag Push|System) Hook$/.test(headers("x-gitlab-event") ?? "");
    if (!isPush || !GITLAB_KINDS.has(kind)) return undefined;
    const urls = texts(
      payload,
      ["project", "git_http_url"],
      ["project", "git_ssh_url"],
      ["project", "web_url"],
      ["repository", "git_http_url"],
      ["repository", "homepage"],
    );
    const refs = list(payload, "refs").map((ref) => text(ref));
    return gitPush(urls, [text(payload, "ref"), ...refs]);
  },
};

/** Cloud and Server. Without a secret Cloud sends only the id of the webhook, which is then the secret. */
export const bitbucket: Sender = {
  name: "bitbucket",
  recognises: (headers) => headers("x-event-key") !== undefined,
  verify: (headers, body, secret) => {
    const signature = headers("x-hub-signature");
    if (signature !== undefined) return isPrefixedHmac(signature, body, secret, ["sha256"]);
    return equalSecrets(plainId(headers("x-hook-uuid")), plainId(secret) ?? secret);
  },
  event: (headers) => headers("x-event-key"),
  parse: (headers, payload) => {
    switch (headers("x-event-key")) {
      case "repo:push":
        return gitPush(
          texts(payload, ["repository", "links", "html", "href"]),
          list(payload, "push", "changes").map((change) => {
            const name = text(change, "new", "name") ?? text(change, "old", "name");
            const isTag = (text(change, "new", "type") ?? text(change, "old", "type")) === "tag";
            return name === undefined ? undefined : `refs/${isTag ? "tags" : "heads"}/${name}`;
          }),
        );
      case "repo:refs_changed":
        return gitPush(
          list(payload, "repository", "links", "clone")
            .map((link) => text(link, "href"))
            .filter((href) => href !== undefined),
          list(payload, "changes").map((change) => text(change, "ref", "id")),
        );
      default:
        return undefined;
    }
  },
};

/** `{…}` around an id is how it is shown, not what it is. */
const plainId = (id: string | undefined): string | undefined =>
  id?.replace(/^\{|\}$/g, "").toLowerCase();

/** Anything that can compute an HMAC: `{"repository": "<url>", "ref": "refs/heads/main"}`. */
export const genericHmac: Sender = {
  name: "generic",
  recognises: (headers) => headers("x-signature") !== undefined,
  verify: (headers, body, secret) =>
    isPrefixedHmac(headers("x-signature"), body, secret, ["sha1", "sha256", "sha512"]),
  event: () => undefined,
  parse: (_headers, payload) => {
    const image = text(payload, "image");
    const urls = texts(payload, ["repository"], ["repository", "url"], ["repository", "clone_url"]);
    return {
      ...gitPush(urls, [text(payload, "ref")]),
      artifacts: image === undefined ? [] : [image],
    };
  },
};
