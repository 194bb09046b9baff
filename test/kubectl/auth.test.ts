import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with roles", () => {
  const cluster = useCluster();

  /** A kubeconfig for a service account; the flag that uses it. */
  async function login(name: string): Promise<string> {
    const token = (await cluster.kubectl(`create token ${name}`)).trim();
    const config = JSON.parse(await cluster.kubectl("config view --raw -o json")) as {
      users: { user: object }[];
    };
    for (const entry of config.users) entry.user = { token };
    const path = join(cluster.home, `${name}.kubeconfig`);
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    return `--kubeconfig=${path}`;
  }

  test("create role and rolebinding give a service account rights; can-i and whoami tell", async () => {
    await cluster.kubectl("create serviceaccount robot");
    const robot = await login("robot");
    expect(
      await cluster.kubectl(`auth whoami ${robot} -o jsonpath={.status.userInfo.username}`),
    ).toBe("system:serviceaccount:default:robot");
    expect(await cluster.failing(`get pods ${robot}`)).toContain(
      'User "system:serviceaccount:default:robot" cannot list resource "pods"',
    );
    await cluster.kubectl(
      "create role reader --verb=get,list,watch --resource=pods,deployments.apps",
    );
    await cluster.kubectl("create rolebinding reader --role=reader --serviceaccount=default:robot");
    await cluster.kubectl(`get pods ${robot}`);
    expect(await cluster.kubectl(`auth can-i list pods ${robot}`)).toBe("yes\n");
    expect((await cluster.run(["auth", "can-i", "delete", "pods", robot])).stdout).toBe("no\n");
    expect(await cluster.kubectl("auth can-i delete pods")).toBe("yes\n");
    expect(await cluster.kubectl(`auth can-i --list ${robot}`)).toMatch(
      /deployments\.apps +\[\] +\[\] +\[get list watch\]/,
    );
    expect(await cluster.failing(`delete role reader ${robot}`)).toContain("forbidden");
    expect(await cluster.kubectl("get rolebinding reader -o wide --no-headers")).toMatch(
      /^reader +Role\/reader +\d+s +default\/robot/,
    );
    expect(await cluster.kubectl("describe role reader")).toMatch(
      /deployments\.apps +\[\] +\[\] +\[get list watch\]/,
    );
  });

  test("the aggregated roles gather what is labelled for them", async () => {
    await cluster.kubectl("create serviceaccount viewer");
    const viewer = await login("viewer");
    await cluster.kubectl(
      "create clusterrolebinding viewer --clusterrole=view --serviceaccount=default:viewer",
    );
    await cluster.kubectl("wait --for=jsonpath={.rules[0].verbs[0]}=get clusterrole/view");
    await cluster.kubectl(`get pods -A ${viewer}`);
    expect(await cluster.failing(`get secrets ${viewer}`)).toContain("forbidden");
    await cluster.kubectl("create clusterrole secret-names --verb=list --resource=secrets");
    await cluster.kubectl(
      "label clusterrole secret-names rbac.authorization.k8s.io/aggregate-to-view=true",
    );
    await expect.poll(async () => (await cluster.run(["get", "secrets", viewer])).code).toBe(0);
  });
});
