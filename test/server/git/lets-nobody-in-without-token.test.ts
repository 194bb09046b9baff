import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensurePushToken } from "../../../src/gitops/push/push-token.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { ManualClock } from "../../manual-clock.ts";
import { GitEndpointFixture, SHOP } from "./git-endpoint-fixture.ts";

const clock = new ManualClock();
let fixture: GitEndpointFixture;
beforeEach(async () => {
  fixture = await GitEndpointFixture.start({ clock });
});
afterEach(async () => {
  expect(fixture.faults).toEqual([]);
  await fixture.stop();
});

async function ask(path: string, token?: string): Promise<{ status: number; rest: string }> {
  const authorization = `Basic ${Buffer.from(`git:${token ?? ""}`).toString("base64")}`;
  const response = await fetch(`${fixture.origin}/git/${path}`, {
    headers: token === undefined ? {} : { authorization },
  });
  const headers = [...response.headers].filter(([name]) => name !== "date");
  return { status: response.status, rest: JSON.stringify([headers, await response.text()]) };
}
const REFS = "info/refs?service=git-receive-pack";

test("whoever has no token is asked for one", async () => {
  const response = await fetch(`${fixture.origin}/git/shop.git/${REFS}`);
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/^Basic realm="gantry"/);
});

test("a wrong token and a repository that does not exist look the same", async () => {
  const wrong = await ask(`shop.git/${REFS}`, "wrong");
  expect(wrong.status).toBe(401);
  for (const path of ["none.git", "none/shop.git", "UPPER.git", "..%2f..%2fetc.git"])
    expect(await ask(`${path}/${REFS}`, "wrong")).toEqual(wrong);
  expect(await ask(`none.git/${REFS}`, "")).toEqual(wrong);
  expect(await ask(`shop.git/${REFS}`)).toEqual(wrong);
  expect(await ask("shop.git/objects/info/packs")).toEqual(wrong);
  expect(existsSync(fixture.dataDir)).toBe(false);
});

test("the token of one repository does not open another", async () => {
  await ensurePushToken(fixture.client, { namespace: "default", name: "other" });
  expect((await ask(`other.git/${REFS}`, fixture.token)).status).toBe(401);
  expect((await ask(`shop.git/${REFS}`, fixture.token)).status).toBe(200);
});

test("an empty token in the Secret opens nothing", async () => {
  const key = { namespace: "default", name: "gantry-push-shop" };
  await fixture.client.patch(secrets, key, { type: "merge", body: { data: { token: "" } } });
  expect((await ask(`shop.git/${REFS}`, "")).status).toBe(401);
});

test("a rotated token counts at once, and the old one no more", async () => {
  const next = await ensurePushToken(fixture.client, SHOP, { rotate: true });
  expect((await ask(`shop.git/${REFS}`, fixture.token)).status).toBe(401);
  expect((await ask(`shop.git/${REFS}`, next)).status).toBe(200);
  expect(await ensurePushToken(fixture.client, SHOP)).toBe(next);
});

test("who guesses has to wait; others, and those without a token, do not", async () => {
  for (let at = 0; at < 10; at++) expect((await ask(`shop.git/${REFS}`, `${at}`)).status).toBe(401);
  expect((await ask(`shop.git/${REFS}`, fixture.token)).status).toBe(429);
  expect((await ask(`shop.git/${REFS}`)).status).toBe(401);
  expect((await ask(`other.git/${REFS}`, "x")).status).toBe(401);
  await clock.advance(60_000);
  expect((await ask(`shop.git/${REFS}`, fixture.token)).status).toBe(200);
});

test("with a token, what is no git request is refused plainly", async () => {
  expect((await ask("shop.git/HEAD", fixture.token)).status).toBe(403);
  expect((await ask("shop.git/info/refs", fixture.token)).status).toBe(403);
  expect((await ask("shop.git/info/refs?service=git-upload-archive", fixture.token)).status).toBe(
    403,
  );
});

test("tokens are long and never the same", async () => {
  const tokens = new Set([fixture.token]);
  for (let at = 0; at < 5; at++)
    tokens.add(await ensurePushToken(fixture.client, SHOP, { rotate: true }));
  expect(tokens.size).toBe(6);
  for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/);
});
