import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concerns as concernsSource } from "../../../src/gitops/webhook/concerns.ts";
import { receiveWebhook } from "../../../src/gitops/webhook/receive.ts";
import { repositoryId } from "../../../src/gitops/webhook/repository-id.ts";
import type { PushEvent } from "../../../src/gitops/webhook/sender.ts";

const concerns = (push: PushEvent, repoURL: string, revision: string): boolean =>
  concernsSource(push, { repoURL, revision });

const SECRET = "s3cr3t";
const hmac = (body: string, algorithm = "sha256", secret = SECRET) =>
  createHmac(algorithm, secret).update(body).digest("hex");

interface Sender {
  readonly payload: unknown;
  readonly headers: (body: string, secret?: string) => Record<string, string>;
  /** What the pushed source is; that of a Git repository without it. */
  readonly repoURL?: string;
}
const URL_OF = "https://git.example.com/team/shop.git";
const REF = "refs/heads/main";
const basic = (secret: string): string => `Basic ${Buffer.from(secret).toString("base64")}`;
const SENDERS: Record<string, Sender> = {
  github: {
    payload: {
      ref: REF,
      repository: { clone_url: URL_OF, html_url: "https://git.example.com/team/shop" },
    },
    headers: (body, secret) => ({
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${hmac(body, "sha256", secret)}`,
    }),
  },
  "github, an old server": {
    payload: { ref: REF, repository: { ssh_url: "git@git.example.com:team/shop.git" } },
    headers: (body, secret) => ({
      "x-github-event": "push",
      "x-hub-signature": `sha1=${hmac(body, "sha1", secret)}`,
    }),
  },
  gitea: {
    payload: { ref: REF, repository: { clone_url: URL_OF } },
    headers: (body, secret) => ({
      "x-gitea-event": "push",
      "x-gogs-event": "push",
      "x-github-event": "push",
      "x-gitea-signature": hmac(body, "sha256", secret),
    }),
  },
  gogs: {
    payload: { ref: REF, repository: { clone_url: URL_OF } },
    headers: (body, secret) => ({
      "x-gogs-event": "push",
      "x-gogs-signature": hmac(body, "sha256", secret),
    }),
  },
  gitlab: {
    payload: { object_kind: "push", ref: REF, project: { git_http_url: URL_OF } },
    headers: (_body, secret = SECRET) => ({
      "x-gitlab-event": "Push Hook",
      "x-gitlab-token": secret,
    }),
  },
  "gitlab, the whole system": {
    payload: { event_name: "repository_update", refs: [REF], project: { git_ssh_url: URL_OF } },
    headers: (_body, secret = SECRET) => ({
      "x-gitlab-event": "System Hook",
      "x-gitlab-token": secret,
    }),
  },
  "bitbucket cloud": {
    payload: {
      repository: { links: { html: { href: "https://git.example.com/team/shop" } } },
      push: { changes: [{ new: { type: "branch", name: "main" } }] },
    },
    headers: (body, secret) => ({
      "x-event-key": "repo:push",
      "x-hub-signature": `sha256=${hmac(body, "sha256", secret)}`,
    }),
  },
  "bitbucket cloud, by the id of the webhook": {
    payload: {
      repository: { links: { html: { href: "https://git.example.com/team/shop" } } },
      push: { changes: [{ old: { type: "branch", name: "main" }, new: null }] },
    },
    headers: (_body, secret = SECRET) => ({
      "x-event-key": "repo:push",
      "x-hook-uuid": `{${secret}}`,
    }),
  },
  "bitbucket server": {
    payload: {
      repository: { links: { clone: [{ href: "https://git.example.com/scm/team/shop.git" }] } },
      changes: [{ ref: { id: REF } }],
    },
    headers: (body, secret) => ({
      "x-event-key": "repo:refs_changed",
      "x-hub-signature": `sha256=${hmac(body, "sha256", secret)}`,
    }),
  },
  "azure devops": {
    payload: {
      eventType: "git.push",
      resource: { repository: { remoteUrl: URL_OF }, refUpdates: [{ name: REF }] },
    },
    headers: (_body, secret = SECRET) => ({
      "x-vss-activityid": "1",
      authorization: basic(secret),
    }),
  },
  generic: {
    payload: { repository: URL_OF, ref: REF },
    headers: (body, secret) => ({ "x-signature": `sha512=${hmac(body, "sha512", secret)}` }),
  },
  "generic, with SHA-1": {
    payload: { repository: { url: URL_OF }, ref: REF },
    headers: (body, secret) => ({ "x-signature": `sha1=${hmac(body, "sha1", secret)}` }),
  },
  ghcr: {
    payload: {
      action: "published",
      package: {
        package_type: "CONTAINER",
        namespace: "team",
        name: "shop",
        package_version: { package_url: "ghcr.io/team/shop:main" },
      },
    },
    headers: (body, secret) => ({
      "x-github-event": "package",
      "x-hub-signature-256": `sha256=${hmac(body, "sha256", secret)}`,
    }),
    repoURL: "oci://ghcr.io/team/shop",
  },
  harbor: {
    payload: {
      type: "PUSH_ARTIFACT",
      event_data: { resources: [{ resource_url: "harbor.example.com:8443/team/shop:main" }] },
    },
    headers: (_body, secret = SECRET) => ({ authorization: secret }),
    repoURL: "oci://harbor.example.com:8443/team/shop",
  },
  nexus: {
    payload: {
      action: "CREATED",
      repositoryName: "docker-hosted",
      component: { format: "docker", name: "team/shop", version: "main" },
    },
    headers: (body, secret) => ({ "x-nexus-webhook-signature": hmac(body, "sha1", secret) }),
    repoURL: "oci://nexus.example.com/repository/team/shop",
  },
};

const receive = (
  headers: Record<string, string>,
  body: string,
  secret: string | undefined = SECRET,
) =>
  receiveWebhook(
    (name) => headers[name],
    Buffer.from(body),
    () => secret,
  );

describe.each(Object.entries(SENDERS))("%s", (_name, sender) => {
  const body = JSON.stringify(sender.payload);

  test("a signed push tells repository and ref", () => {
    const received = receive(sender.headers(body), body);
    expect(received.code).toBe(200);
    const pushed = received.code === 200 ? received.push : undefined;
    const { repoURL = URL_OF } = sender;
    expect(pushed !== undefined && concerns(pushed, repoURL, "main")).toBe(true);
    expect(pushed !== undefined && concerns(pushed, repoURL, "release")).toBe(false);
    expect(pushed !== undefined && concerns(pushed, repoURL, ">=1.0")).toBe(true);
    expect(pushed !== undefined && concerns(pushed, repoURL.replace("shop", "shop2"), "main")).toBe(
      false,
    );
  });
  test("a wrong, missing or unconfigured secret is 401", () => {
    expect(receive(sender.headers(body, "other"), body).code).toBe(401);
    expect(receive(sender.headers(body), body, "").code).toBe(401);
    const unsigned = Object.fromEntries(
      Object.entries(sender.headers(body)).filter(
        ([name]) => !/signature|token|authorization|uuid/.test(name),
      ),
    );
    if (Object.keys(unsigned).length > 0) expect(receive(unsigned, body).code).toBe(401);
  });
  test("a changed body is 401", () => {
    if (Object.keys(sender.headers(body)).some((name) => name.includes("signature")))
      expect(receive(sender.headers(body), `${body} `).code).toBe(401);
  });
  test("any shape of payload is survived", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (payload) => {
        const text = JSON.stringify(payload);
        expect([200, 400]).toContain(receive(sender.headers(text), text).code);
      }),
      { numRuns: 200 },
    );
  });
  test("any field of the payload may be missing or of another type", () => {
    const visit = (value: unknown, replace: (broken: unknown) => void): void => {
      for (const broken of [undefined, null, 0, "", [], {}, "x".repeat(10_000)]) replace(broken);
      if (typeof value !== "object" || value === null) return;
      for (const key of Object.keys(value))
        visit((value as Record<string, unknown>)[key], (broken) =>
          replace({ ...(value as object), [key]: broken }),
        );
    };
    visit(sender.payload, (broken) => {
      const text = JSON.stringify(broken) ?? "null";
      expect([200, 400]).toContain(receive(sender.headers(text), text).code);
    });
  });
});

test("an event that is no push leads to nothing", () => {
  const body = JSON.stringify({ zen: "keep it simple" });
  const headers = { ...SENDERS["github"]?.headers(body), "x-github-event": "ping" };
  expect(receive(headers, body)).toEqual({ code: 200, push: undefined, provider: "github" });
});

test("an unknown sender and a body that is no JSON are 400", () => {
  expect(receive({}, "{}").code).toBe(400);
  const body = "payload=%7B%7D";
  expect(receive(SENDERS["github"]?.headers(body) ?? {}, body).code).toBe(400);
});

test.each([
  "https://user:pw@Git.Example.com/Team/shop.git",
  "https://git.example.com/team/shop/",
  "ssh://git@git.example.com:2222/team/shop.git",
  "git@git.example.com:team/shop.git",
  "https://git.example.com/scm/team/shop.git",
])("%s names the same repository", (url) => {
  expect(repositoryId(url)).toBe("git.example.com/team/shop");
});
describe("what a registry got", () => {
  const pushed = (...artifacts: string[]): PushEvent => ({ urls: [], refs: [], artifacts });
  test.each([
    ["docker.io/team/shop:1.2.3", "oci://registry-1.docker.io/team/shop", "1.2.3", true],
    ["docker.io/library/nginx:1", "oci://docker.io/nginx", "1", true],
    ["quay.io/team/shop", "oci://quay.io/team/shop", "v7", true],
    ["gcr.io/p/shop@sha256:abc", "oci://gcr.io/p/shop", "main", true],
    ["host:5000/team/shop:2", "oci://host:5000/team/shop", "1.0.0", false],
    ["host:5000/team/shop:2", "oci://host:5000/team/shop", "^1", true],
    ["host/team/shop:2", "oci://host/team/shop-two", "2", false],
    ["*/team/shop:2", "oci://any.example/repository/x/team/shop", "2", true],
    ["*/team/shop:2", "oci://any.example/steam/shop", "2", false],
  ])("%s concerns %s at %s: %s", (artifact, repoURL, revision, expected) => {
    expect(concerns(pushed(artifact), repoURL, revision)).toBe(expected);
  });
  test("a chart is found below its registry", () => {
    const source = { repoURL: "registry.example.com/charts/", chart: "shop", revision: "1.0.0" };
    expect(concernsSource(pushed("registry.example.com/charts/shop:1.0.0"), source)).toBe(true);
  });
});

test("a payload that is nested deeper than a stack is refused or read, and nothing breaks", () => {
  const body = `${'{"repository":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  expect([200, 400]).toContain(receive(SENDERS["github"]?.headers(body) ?? {}, body).code);
});

test("a payload is no way to an object's prototype", () => {
  const body = '{"ref":"refs/heads/main","repository":{"__proto__":{"clone_url":"https://x/y"}}}';
  const received = receive(SENDERS["github"]?.headers(body) ?? {}, body);
  expect(received).toMatchObject({ code: 200, push: { urls: [] } });
});

test("a local path has no id", () => {
  expect(repositoryId("/srv/git/shop")).toBeUndefined();
});
