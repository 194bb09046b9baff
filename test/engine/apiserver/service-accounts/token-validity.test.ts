import { createHmac, generateKeyPairSync } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { signToken } from "../../../../src/engine/apiserver/service-accounts/json-web-token.ts";
import { nodes } from "../../../../src/kube/kinds/node.ts";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { secrets } from "../../../../src/kube/kinds/secret.ts";
import { serviceAccounts } from "../../../../src/kube/kinds/serviceaccount.ts";
import { inDefault } from "../test-server.ts";
import { boundTo, claimsIn, startTokenServer, type TokenServer } from "./token-server.ts";

let test: TokenServer;
beforeEach(async () => {
  test = await startTokenServer();
});
const nameOf = (token: string): string | undefined => test.tokens.identify(token)?.user.name;
const ROBOT = "system:serviceaccount:default:robot";

describe("a token is its account's", () => {
  it("with the groups of service accounts and the pod that it is bound to", async () => {
    const token = await test.tokenOf(boundTo("Pod", "worker"));
    const user = test.tokens.identify(token)?.user;
    expect(user?.name).toBe(ROBOT);
    expect(user?.groups).toEqual(["system:serviceaccounts", "system:serviceaccounts:default"]);
    expect(user?.extra).toMatchObject({
      "authentication.kubernetes.io/pod-name": ["worker"],
      "authentication.kubernetes.io/node-name": ["node-1"],
      "authentication.kubernetes.io/credential-id": [expect.stringMatching(/^JTI=/)],
    });
  });

  it("until it is over", async () => {
    const token = await test.tokenOf({ expirationSeconds: 600 });
    await test.clock.advance(599_000);
    expect(nameOf(token)).toBe(ROBOT);
    await test.clock.advance(1_000);
    expect(nameOf(token)).toBeUndefined();
  });

  it("until the account is deleted, even when one of its name follows", async () => {
    const token = await test.tokenOf();
    expect(nameOf(token)).toBe(ROBOT);
    await test.client.delete(serviceAccounts, inDefault("robot"));
    expect(nameOf(token)).toBeUndefined();
    await test.client.create(serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: inDefault("robot"),
    });
    expect(nameOf(token)).toBeUndefined();
  });

  it("until the pod that it is bound to is gone", async () => {
    const token = await test.tokenOf(boundTo("Pod", "worker"));
    expect(nameOf(token)).toBe(ROBOT);
    await test.client.delete(pods, inDefault("worker"), { gracePeriodSeconds: 0 });
    expect(nameOf(token)).toBeUndefined();
  });

  it("for a minute after the grace period of a pod that does not go", async () => {
    const token = await test.tokenOf(boundTo("Pod", "worker"));
    await test.client.delete(pods, inDefault("worker"), { gracePeriodSeconds: 10 });
    await test.clock.advance(69_000);
    expect(nameOf(token)).toBe(ROBOT);
    await test.clock.advance(2_000);
    expect(nameOf(token)).toBeUndefined();
  });

  it("until the secret that it is bound to is gone, but not the node of a pod", async () => {
    await test.client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: inDefault("hold"),
    });
    const held = await test.tokenOf(boundTo("Secret", "hold"));
    const ofPod = await test.tokenOf(boundTo("Pod", "worker"));
    await test.client.delete(secrets, inDefault("hold"));
    await test.client.delete(nodes, { name: "node-1" });
    expect(nameOf(held)).toBeUndefined();
    expect(nameOf(ofPod)).toBe(ROBOT);
  });

  it("until the node that it is bound to alone is gone", async () => {
    const token = await test.tokenOf(boundTo("Node", "node-1"));
    expect(nameOf(token)).toBe(ROBOT);
    await test.client.delete(nodes, { name: "node-1" });
    expect(nameOf(token)).toBeUndefined();
  });

  it("only for whom it is", async () => {
    const token = await test.tokenOf({ audiences: ["vault", "other"] });
    expect(nameOf(token)).toBeUndefined();
    expect(test.tokens.identify(token, ["vault", "unknown"])?.audiences).toEqual(["vault"]);
  });
});

describe("a forged token is nobody's", () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const kid = (token: string): unknown =>
    (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string })
      .kid;

  it.each<[string, (token: string) => string]>([
    ["without a signature", (token) => `${token.split(".").slice(0, 2).join(".")}.`],
    [
      "with alg none",
      (token) => `${part({ alg: "none", kid: kid(token) })}.${token.split(".")[1]}.`,
    ],
    [
      "signed with the public key as a secret",
      (token) => {
        const signed = `${part({ alg: "HS256", kid: kid(token) })}.${token.split(".")[1]}`;
        const { keys } = test.tokens.discovery("").keySet as { keys: object[] };
        const hmac = createHmac("sha256", JSON.stringify(keys[0])).update(signed);
        return `${signed}.${hmac.digest("base64url")}`;
      },
    ],
    [
      "signed by a stranger under a known name",
      (token) =>
        signToken(claimsIn(token), {
          ...generateKeyPairSync("ec", { namedCurve: "P-256" }),
          id: String(kid(token)),
          algorithm: "ES256",
        }),
    ],
    [
      "for another account",
      (token) => {
        const [header, , signature] = token.split(".");
        const claims = { ...claimsIn(token), sub: "system:serviceaccount:kube-system:admin" };
        return `${header}.${part(claims)}.${signature}`;
      },
    ],
    ["of four parts", (token) => `${token}.x`],
    ["of no parts", () => "x"],
    ["of a megabyte", (token) => token + "A".repeat(1 << 20)],
    ["of bytes", () => "\u0000.\u0000.\u0000"],
  ])("%s", async (_, forge) => {
    const token = await test.tokenOf();
    expect(nameOf(token)).toBe(ROBOT);
    expect(nameOf(forge(token))).toBeUndefined();
  });
});
