/** Registries of images, charts and artifacts. */
import { verifyGitHub } from "./git-senders.ts";
import { field, list, text } from "./payload.ts";
import { artifactPush, type Sender } from "./sender.ts";
import { equalSecrets, isHmac } from "./signature.ts";

/** GitHub's registry: its packages come with GitHub's headers. */
export const ghcr: Sender = {
  name: "ghcr",
  secretOf: "github",
  recognises: (headers) => /^(registry_)?package$/.test(headers("x-github-event") ?? ""),
  verify: verifyGitHub,
  event: (headers) => headers("x-github-event"),
  parse: (_headers, payload) => {
    const kept = field(payload, "registry_package") ?? field(payload, "package");
    if (text(kept, "package_type")?.toLowerCase() !== "container") return undefined;
    const version = field(kept, "package_version");
    const [owner, name] = [
      text(kept, "namespace") ?? text(kept, "owner", "login"),
      text(kept, "name"),
    ];
    const tag = text(version, "container_metadata", "tag", "name");
    const named =
      owner === undefined || name === undefined
        ? undefined
        : `ghcr.io/${owner}/${name}${tag === undefined ? "" : `:${tag}`}`;
    return artifactPush([text(version, "package_url") ?? named]);
  },
};

export const harbor: Sender = {
  name: "harbor",
  // Nothing else tells it: asked last.
  recognises: (headers) => headers("authorization") !== undefined,
  verify: (headers, _body, secret) => equalSecrets(headers("authorization"), secret),
  event: (_headers, payload) => text(payload, "type"),
  parse: (_headers, payload) =>
    /^(PUSH_ARTIFACT|pushImage|harbor\.artifact\.pushed)$/.test(text(payload, "type") ?? "")
      ? artifactPush(
          [...list(payload, "event_data", "resources"), ...list(payload, "data", "resources")].map(
            (resource) => text(resource, "resource_url"),
          ),
        )
      : undefined,
};

export const nexus: Sender = {
  name: "nexus",
  recognises: (headers) => headers("x-nexus-webhook-signature") !== undefined,
  // Nexus has nothing better than SHA-1.
  verify: (headers, body, secret) =>
    isHmac("sha1", headers("x-nexus-webhook-signature"), body, secret),
  event: (headers, payload) => headers("x-nexus-webhook-id") ?? text(payload, "action"),
  parse: (_headers, payload) => {
    const action = text(payload, "action");
    if (action !== "CREATED" && action !== "UPDATED") return undefined;
    // Nexus does not say by which name it is reached: the end of the path has to do.
    const [component, version] = [
      text(payload, "component", "name"),
      text(payload, "component", "version"),
    ];
    const name = component ?? text(payload, "asset", "name");
    return artifactPush([
      name === undefined ? undefined : `*/${name}${version === undefined ? "" : `:${version}`}`,
    ]);
  },
};

/** Those without a signature: only for Receivers, whose path is the secret. */
const unsigned = {
  recognises: () => false,
  verify: () => true,
} as const;

export const quay: Sender = {
  ...unsigned,
  name: "quay",
  event: () => undefined,
  parse: (_headers, payload) => artifactPush([text(payload, "docker_url")]),
};

export const dockerhub: Sender = {
  ...unsigned,
  name: "dockerhub",
  event: () => undefined,
  parse: (_headers, payload) => {
    const name = text(payload, "repository", "repo_name");
    const tag = text(payload, "push_data", "tag");
    if (text(payload, "repository", "repo_url") === undefined || tag === undefined)
      return undefined;
    return artifactPush([name === undefined ? undefined : `docker.io/${name}:${tag}`]);
  },
};

export const acr: Sender = {
  ...unsigned,
  name: "acr",
  event: (_headers, payload) => text(payload, "action"),
  parse: (_headers, payload) => {
    const [host, name] = [text(payload, "request", "host"), text(payload, "target", "repository")];
    const isPush = /^(push|chart_push)$/.test(text(payload, "action") ?? "");
    return isPush && host !== undefined && name !== undefined
      ? artifactPush([`${host}/${name}`])
      : undefined;
  },
};

/** Pub/Sub push; the token in `Authorization` is checked apart, since its keys have to be fetched. */
export const gcr: Sender = {
  ...unsigned,
  name: "gcr",
  event: () => undefined,
  parse: (_headers, payload) => {
    const data = text(payload, "message", "data");
    if (data === undefined) return undefined;
    let message: unknown;
    try {
      message = JSON.parse(Buffer.from(data, "base64").toString("utf8")) as unknown;
    } catch {
      return undefined;
    }
    return text(message, "action") === "INSERT"
      ? artifactPush([text(message, "tag"), text(message, "digest")])
      : undefined;
  },
};

/** CloudEvents, with the event in the body or in an envelope around it. */
export const cdevents: Sender = {
  ...unsigned,
  name: "cdevents",
  event: (headers, payload) =>
    headers("ce-type") ?? text(payload, "type") ?? text(payload, "context", "type"),
  parse: (headers, payload) => {
    const event = field(payload, "data") ?? payload;
    const type = text(event, "context", "type") ?? "";
    const named = headers("ce-type") ?? text(payload, "type");
    const isValid =
      /^dev\.cdevents\.[a-z]+\.[a-z]+\.\d+\.\d+\.\d+/.test(type) &&
      (named === undefined || named === type) &&
      ["version", "id", "source", "timestamp"].every(
        (name) => text(event, "context", name) !== undefined,
      ) &&
      text(event, "subject", "id") !== undefined &&
      typeof field(event, "subject", "content") === "object";
    return isValid ? { urls: [], refs: [], artifacts: [] } : undefined;
  },
};
