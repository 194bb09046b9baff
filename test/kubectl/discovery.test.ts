import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl explain, api-resources, version and cluster-info", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  test("explain", async () => {
    const text = await kubectl("explain deployment.spec.strategy");
    expect(text).toMatch(
      /^GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nFIELD: strategy <DeploymentStrategy>/,
    );
    expect(text).toMatch(/DESCRIPTION:\n +\S[^]*FIELDS:/);
    expect(text).toMatch(/rollingUpdate\t<RollingUpdateDeployment>/);
    expect(await kubectl("explain pod")).toMatch(/KIND: +Pod[^]*spec\t<PodSpec>/);
    expect(await kubectl("explain pod.spec.containers.env --recursive")).toContain("secretKeyRef");
    expect(await kubectl("explain service.spec.ports.protocol")).toMatch(
      /enum: SCTP, TCP, UDP|FIELD: protocol <string>/,
    );
    expect(await cluster.failing("explain pod.spec.nothing")).toContain(
      'field "nothing" does not exist',
    );
    expect(await kubectl("explain applications.gantry.dev.spec.source")).toMatch(
      /repoURL\t<string>/,
    );
    expect(
      await kubectl("explain deployment.spec.replicas --output=plaintext-openapiv2").catch(
        (error: Error) => error.message,
      ),
    ).toMatch(/replicas|openapi/);
  });

  test("api-resources and api-versions", async () => {
    const table = await kubectl("api-resources");
    expect(table).toMatch(/^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\n/);
    expect(table).toMatch(/^configmaps +cm +v1 +true +ConfigMap$/m);
    expect(table).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    expect(table).toMatch(/^namespaces +ns +v1 +false +Namespace$/m);
    expect(table).toMatch(/^applications +app +gantry.dev\/v1 +true +Application$/m);
    const names = (await kubectl("api-resources --api-group=apps --verbs=list,watch -o name"))
      .trim()
      .split("\n");
    expect(names).toEqual(expect.arrayContaining(["deployments.apps", "replicasets.apps"]));
    expect(await kubectl("api-resources --namespaced=false -o name")).toMatch(/^nodes$/m);
    expect(await kubectl("api-resources -o wide")).toMatch(
      /create,delete,deletecollection,get,list,patch,update,watch +all/,
    );
    const versions = (await kubectl("api-versions")).trim().split("\n");
    expect(versions).toEqual(
      expect.arrayContaining(["apps/v1", "v1", "apiextensions.k8s.io/v1", "gantry.dev/v1"]),
    );
  });

  test("version and cluster-info", async () => {
    const version = JSON.parse(await kubectl("version -o json")) as {
      serverVersion: Record<string, string>;
    };
    expect(version.serverVersion).toMatchObject({
      major: "1",
      minor: "35",
      gitVersion: expect.stringContaining("gantry-0.0.0-test") as string,
    });
    expect(await kubectl("version")).toMatch(/Server Version: v1\.35\.0\+gantry/);
    expect(await kubectl("cluster-info")).toContain(`is running at ${cluster.address}`);
    expect(await kubectl("config current-context")).toBe("gantry\n");
  });

  test("get --raw of discovery, health and OpenAPI", async () => {
    expect(JSON.parse(await kubectl("get --raw /api"))).toMatchObject({
      kind: "APIVersions",
      versions: ["v1"],
    });
    expect(JSON.parse(await kubectl("get --raw /apis/apps"))).toMatchObject({
      kind: "APIGroup",
      preferredVersion: { version: "v1" },
    });
    expect(JSON.parse(await kubectl("get --raw /api/v1"))).toMatchObject({
      kind: "APIResourceList",
      groupVersion: "v1",
    });
    expect(await kubectl("get --raw /livez")).toBe("ok");
    const { paths } = JSON.parse(await kubectl("get --raw /openapi/v3")) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    const apps = JSON.parse(
      await kubectl(`get --raw ${paths["apis/apps/v1"]?.serverRelativeURL ?? ""}`),
    ) as object;
    expect(apps).toMatchObject({
      openapi: "3.0.0",
      components: { schemas: { "io.k8s.api.apps.v1.Deployment": {} } },
    });
    expect(await cluster.failing("get --raw /nothing")).toContain("NotFound");
  });
});
