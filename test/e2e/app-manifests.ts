/** A small web application as manifests: a Deployment and a Service in front of it. */

/** Ends at once on SIGTERM, whatever it is doing. `/pid` tells which process answers; others the version. */
const PROGRAM = `
const http = require("node:http");
process.on("SIGTERM", () => process.exit(0));
http.createServer((request, response) => {
  request.resume();
  if (request.url === "/pid") return response.end(String(process.pid));
  const takesMs = { "/slow": 500, "/brief": 20 }[request.url] ?? 0;
  setTimeout(() => response.end(process.env.VERSION), takesMs);
}).listen(Number(process.env.PORT));
`;

export interface AppOptions {
  readonly version: string;
  readonly name?: string;
  readonly replicas?: number;
  readonly program?: string;
  readonly strategy?: object;
  /** Merged into the container. */
  readonly container?: object;
  /** Merged into the pod's spec. */
  readonly podSpec?: object;
}

/** The pod template of any workload that runs the application. */
export function podTemplateOf(options: AppOptions) {
  const { version, name = "app", program = PROGRAM } = options;
  return {
    metadata: { labels: { app: name } },
    spec: {
      containers: [
        {
          name: "main",
          image: "node:22-alpine",
          command: ["node", "-e", program],
          env: [{ name: "VERSION", value: version }],
          ports: [{ name: "http", containerPort: 8080 }],
          readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
          ...options.container,
        },
      ],
      ...options.podSpec,
    },
  };
}

export function deploymentOf(options: AppOptions): object {
  const { name = "app", replicas = 1, strategy } = options;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      ...(strategy === undefined ? {} : { strategy }),
      selector: { matchLabels: { app: name } },
      template: podTemplateOf(options),
    },
  };
}

export function serviceOf(name = "app"): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  };
}

/** The files of a repository that holds the application. */
export function appFiles(options: AppOptions): Record<string, string> {
  const name = options.name ?? "app";
  return {
    [`${name}/deployment.yaml`]: JSON.stringify(deploymentOf(options), undefined, 2),
    [`${name}/service.yaml`]: JSON.stringify(serviceOf(name), undefined, 2),
  };
}
