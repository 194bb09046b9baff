/** The generators of `kubectl create` use typed clients, whose bodies are protobuf. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl create, by generators", () => {
  const cluster = useCluster();
  const json = async (command: string): Promise<Record<string, unknown>> =>
    JSON.parse(await cluster.kubectl(`${command} -o json`)) as Record<string, unknown>;

  test("configmap: literals, text files and binary files", async () => {
    const text = join(cluster.home, "app.properties");
    const binary = join(cluster.home, "logo.bin");
    await writeFile(text, "greeting=hello\n");
    await writeFile(binary, Buffer.from([0xff, 0xfe, 0, 1]));
    await cluster.kubectl(
      `create configmap settings --from-literal=level=debug --from-file=${text} --from-file=${binary}`,
    );
    expect(await json("get configmap settings")).toMatchObject({
      data: { level: "debug", "app.properties": "greeting=hello\n" },
      binaryData: { "logo.bin": "//4AAQ==" },
    });
  });

  test("secret: generic, tls and docker-registry", async () => {
    await cluster.kubectl("create secret generic login --from-literal=password=open-sesame");
    expect(await json("get secret login")).toMatchObject({
      type: "Opaque",
      data: { password: Buffer.from("open-sesame").toString("base64") },
    });
    await cluster.kubectl(
      "create secret docker-registry pull --docker-server=registry.test --docker-username=me --docker-password=secret",
    );
    expect(await json("get secret pull")).toMatchObject({
      type: "kubernetes.io/dockerconfigjson",
    });
  });

  test("namespace, serviceaccount", async () => {
    await cluster.kubectl("create namespace shop");
    await cluster.kubectl("create serviceaccount robot -n shop");
    expect(await cluster.kubectl("get serviceaccount robot -n shop -o name")).toBe(
      "serviceaccount/robot\n",
    );
  });

  test("deployment: several containers' images, replicas and a port; zero replicas are kept", async () => {
    await cluster.kubectl("create deployment web --image=web:1 --replicas=0 --port=8080");
    expect(await json("get deployment web")).toMatchObject({
      metadata: { labels: { app: "web" } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: "web" } },
        template: {
          spec: { containers: [{ image: "web:1", ports: [{ containerPort: 8080 }] }] },
        },
      },
    });
  });

  test("job and cronjob", async () => {
    await cluster.kubectl("create cronjob nightly --image=local --schedule=@yearly -- true");
    expect(await json("get cronjob nightly")).toMatchObject({
      spec: {
        schedule: "@yearly",
        jobTemplate: {
          spec: {
            template: { spec: { restartPolicy: "OnFailure", containers: [{ command: ["true"] }] } },
          },
        },
      },
    });
    await cluster.kubectl("create job by-hand --from=cronjob/nightly");
    expect(await json("get job by-hand")).toMatchObject({
      metadata: { annotations: { "cronjob.kubernetes.io/instantiate": "manual" } },
    });
  });

  test("service: clusterip, nodeport, loadbalancer and externalname", async () => {
    await cluster.kubectl("create service clusterip inner --tcp=80:8080");
    await cluster.kubectl("create service externalname outer --external-name example.test");
    expect(await json("get service inner")).toMatchObject({
      spec: { ports: [{ port: 80, targetPort: 8080 }], selector: { app: "inner" } },
    });
    expect(await json("get service outer")).toMatchObject({
      spec: { type: "ExternalName", externalName: "example.test" },
    });
  });

  test("ingress with TLS and two paths", async () => {
    await cluster.kubectl(
      "create ingress front --rule=shop.test/api*=api:80,tls=shop-tls --rule=shop.test/=web:http",
    );
    expect(await json("get ingress front")).toMatchObject({
      spec: {
        tls: [{ hosts: ["shop.test"], secretName: "shop-tls" }],
        rules: [
          {
            host: "shop.test",
            http: {
              paths: [
                { pathType: "Prefix", backend: { service: { name: "api", port: { number: 80 } } } },
                { pathType: "Exact", backend: { service: { port: { name: "http" } } } },
              ],
            },
          },
        ],
      },
    });
  });

  test("a dry run of the server makes nothing", async () => {
    expect(
      await cluster.kubectl("create configmap never --from-literal=a=b --dry-run=server"),
    ).toContain("created (server dry run)");
    expect(await cluster.failing("get configmap never")).toContain("NotFound");
  });
});
