/** One application as each kind of workload: it ends at once on SIGTERM and has no preStop hook. */

/** Of the Ingress. */
export const HOST = "app.example.com";

const APP = `
const http = require("node:http");
process.on("SIGTERM", () => process.exit(0));
http.createServer((q, s) => { q.resume(); s.end(process.env.VERSION); }).listen(Number(process.env.PORT));
`;

export type Workload = "Deployment" | "StatefulSet" | "DaemonSet";

export interface App {
  readonly workload: Workload;
  readonly replicas: number;
  readonly version: string;
}

/** The files of a repository that holds the application, its budget, its Service and its Ingress. */
export function manifests(app: App): Record<string, string> {
  const objects = { app: workloadOf(app), budget, service, ingress };
  return Object.fromEntries(
    Object.entries(objects).map(([name, object]) => [`${name}.yaml`, JSON.stringify(object)]),
  );
}

function workloadOf({ workload, replicas, version }: App): object {
  return {
    apiVersion: "apps/v1",
    kind: workload,
    metadata: { name: "app" },
    spec: {
      ...ownFields(workload, replicas),
      selector: { matchLabels: { app: "app" } },
      template: {
        metadata: { labels: { app: "app" } },
        spec: {
          containers: [
            {
              name: "app",
              image: "node:22-alpine",
              command: ["node", "-e", APP],
              env: [{ name: "VERSION", value: version }],
              ports: [{ name: "http", containerPort: 8080 }],
              readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

function ownFields(workload: Workload, replicas: number): object {
  switch (workload) {
    case "Deployment":
      return { replicas };
    case "StatefulSet":
      return { replicas, serviceName: "app" };
    case "DaemonSet":
      // There is one node: without a surge its only pod would have to go before the next one comes.
      return {
        updateStrategy: {
          type: "RollingUpdate",
          rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
        },
      };
  }
}

const budget = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "app" },
  spec: { minAvailable: 2, selector: { matchLabels: { app: "app" } } },
};

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "app" },
  spec: { selector: { app: "app" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

const ingress = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "app" },
  spec: {
    rules: [
      {
        host: HOST,
        http: {
          paths: [
            {
              path: "/",
              pathType: "Prefix",
              backend: { service: { name: "app", port: { name: "http" } } },
            },
          ],
        },
      },
    ],
  },
};
