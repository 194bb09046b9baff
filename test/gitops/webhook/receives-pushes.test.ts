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
}
const URL_OF = "https://git.example.com/team/shop.git";
const REF = "refs/heads/main";
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
  gitea: {
    payload: { ref: REF, repository: { clone_url: URL_OF } },
    headers: (body, secret) => ({
      "x-gitea-event": "push",
      "x-github-event": "push",
      "x-gitea-signature": hmac(body, "sha256", secret),
    }),
  },
  gitlab: {
    payload: { object_kind: "push", ref: REF, project: { git_http_url: URL_OF } },
    headers: (_body, secret = SECRET) => ({
      "x-gitlab-event": "Push Hook",
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
  generic: {
    payload: { repository: URL_OF, ref: REF },
    headers: (body, secret) => ({ "x-signature": `sha512=${hmac(body, "sha512", secret)}` }),
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
    expect(pushed !== undefined && concerns(pushed, URL_OF, "main")).toBe(true);
    expect(pushed !== undefined && concerns(pushed, URL_OF, "release")).toBe(false);
    expect(
      pushed !== undefined && concerns(pushed, "https://git.example.com/team/shop2", "main"),
    ).toBe(false);
  });
  test("a wrong, missing or unconfigured secret is 401", () => {
    expect(receive(sender.headers(body, "other"), body).code).toBe(401);
    expect(receive(sender.headers(body), body, "").code).toBe(401);
    const unsigned = Object.fromEntries(
      Object.entries(sender.headers(body)).filter(([name]) => !/signature|token/.test(name)),
    );
    if (Object.keys(unsigned).length > 0) expect(receive(unsigned, body).code).toBe(401);
  });
  test("a changed body is 401", () => {
    if (_name !== "gitlab") expect(receive(sender.headers(body), `${body} `).code).toBe(401);
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
test("a local path has no id", () => {
  expect(repositoryId("/srv/git/shop")).toBeUndefined();
});
