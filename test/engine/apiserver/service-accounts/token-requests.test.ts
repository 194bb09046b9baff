import { beforeEach, describe, expect, it } from "vitest";
import type { Resource } from "../../../../src/kube/kind.ts";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { serviceAccounts } from "../../../../src/kube/kinds/serviceaccount.ts";
import { inDefault } from "../test-server.ts";
import { boundTo, claimsIn, startTokenServer, type TokenServer } from "./token-server.ts";

const ISSUER = "https://kubernetes.default.svc.cluster.local";
let test: TokenServer;
beforeEach(async () => {
  test = await startTokenServer();
});

const uidOf = async (resource: Resource, name: string): Promise<string | undefined> =>
  (await test.client.get(resource, inDefault(name))).metadata.uid;

describe("a token request", () => {
  it("is answered with an hour's token for the API server", async () => {
    const { spec, status, metadata } = await test.request();
    expect(metadata).toMatchObject(inDefault("robot"));
    expect(spec).toEqual({ audiences: [ISSUER], expirationSeconds: 3600 });
    expect(Date.parse(status?.expirationTimestamp ?? "")).toBe(
      Math.floor(test.clock.now() / 1000) * 1000 + 3_600_000,
    );
  });

  it("carries the claims that other readers of such tokens know", async () => {
    const claims = claimsIn(await test.tokenOf(boundTo("Pod", "worker")));
    const now = Math.floor(test.clock.now() / 1000);
    expect(claims).toEqual({
      aud: [ISSUER],
      exp: now + 3600,
      iat: now,
      nbf: now,
      iss: ISSUER,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      sub: "system:serviceaccount:default:robot",
      "kubernetes.io": {
        namespace: "default",
        serviceaccount: { name: "robot", uid: await uidOf(serviceAccounts, "robot") },
        pod: { name: "worker", uid: await uidOf(pods, "worker") },
        node: { name: "node-1", uid: expect.any(String) as unknown },
      },
    });
  });

  it("takes null for what clients leave empty", async () => {
    const { spec } = await test.request({
      audiences: null,
      expirationSeconds: null,
      boundObjectRef: null,
    });
    expect(spec).toEqual({ audiences: [ISSUER], expirationSeconds: 3600 });
  });

  it.each([
    [{ expirationSeconds: 599 }, "may not specify a duration less than 10 minutes"],
    [{ expirationSeconds: 2 ** 32 + 1 }, "may not specify a duration larger than 2^32 seconds"],
    [{ expirationSeconds: "1h" }, "must be a whole number of seconds"],
    [{ audiences: "vault" }, "must be a list of up to 64 texts"],
    [{ boundObjectRef: { kind: "Pod" } }, "spec.boundObjectRef"],
    [boundTo("ConfigMap", "settings"), "cannot bind token to object of type v1, Kind=ConfigMap"],
    [boundTo("Pod", "other"), 'pods "other" not found'],
    [boundTo("Pod", "worker", "0000"), "does not match the UID in record"],
  ])("is refused for %j", async (spec, problem) => {
    await expect(test.request(spec)).rejects.toThrow(problem);
  });

  it("is refused for the pod of another account", async () => {
    await test.client.create(serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: inDefault("other"),
    });
    await expect(test.request(boundTo("Pod", "worker"), "other")).rejects.toThrow(
      'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.',
    );
  });

  it("is refused for an account that there is not", async () => {
    await expect(test.request({}, "nobody")).rejects.toThrow('serviceaccounts "nobody" not found');
  });
});
