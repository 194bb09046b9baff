/** Valid objects that use much of what their kinds have. */
const metadata = {
  name: "a",
  namespace: "default",
  labels: { app: "a" },
  annotations: { note: "x" },
};

const podSpec = {
  restartPolicy: "Always",
  terminationGracePeriodSeconds: 10,
  nodeSelector: { zone: "a" },
  tolerations: [{ key: "x", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }],
  securityContext: { runAsUser: 1000, fsGroup: 2000 },
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "a" } } },
      ],
    },
  },
  initContainers: [{ name: "init", image: "init:1", command: ["true"] }],
  containers: [
    {
      name: "main",
      image: "app:1",
      command: ["node"],
      args: ["server.js"],
      ports: [{ name: "http", containerPort: 80, protocol: "TCP" }],
      env: [
        { name: "A", value: "1" },
        { name: "B", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
        { name: "C", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
      envFrom: [{ secretRef: { name: "s" } }],
      resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
      volumeMounts: [{ name: "config", mountPath: "/etc/app", readOnly: true }],
      readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
      livenessProbe: { exec: { command: ["true"] } },
      lifecycle: { preStop: { sleep: { seconds: 1 } } },
    },
  ],
  volumes: [
    { name: "config", configMap: { name: "c", items: [{ key: "k", path: "k" }] } },
    { name: "scratch", emptyDir: { sizeLimit: "1Gi" } },
  ],
};

export const richPod = { apiVersion: "v1", kind: "Pod", metadata, spec: podSpec };

export const richDeployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata,
  spec: {
    replicas: 3,
    minReadySeconds: 1,
    selector: { matchLabels: { app: "a" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } },
    template: { metadata: { labels: { app: "a" } }, spec: podSpec },
  },
  status: {
    replicas: 1,
    conditions: [{ type: "Available", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  },
};

export const richService = {
  apiVersion: "v1",
  kind: "Service",
  metadata,
  spec: {
    type: "LoadBalancer",
    selector: { app: "a" },
    clusterIP: "127.96.0.7",
    clusterIPs: ["127.96.0.7"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    externalTrafficPolicy: "Local",
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    ports: [
      { name: "http", port: 80, targetPort: "http", nodePort: 30_080, protocol: "TCP" },
      { name: "dns", port: 53, protocol: "UDP" },
    ],
  },
  status: { loadBalancer: { ingress: [{ ip: "127.0.0.1" }] } },
};

export const richIngress = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata,
  spec: {
    ingressClassName: "x",
    defaultBackend: { service: { name: "a", port: { number: 80 } } },
    tls: [{ hosts: ["a.example.com"], secretName: "tls" }],
    rules: [
      {
        host: "a.example.com",
        http: {
          paths: [
            {
              path: "/",
              pathType: "Prefix",
              backend: { service: { name: "a", port: { name: "http" } } },
            },
          ],
        },
      },
    ],
  },
};

export const richDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "as.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "A", plural: "as", singular: "a", listKind: "AList", shortNames: ["aa"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" },
        },
        additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
        selectableFields: [{ jsonPath: ".spec.color" }],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["size"],
                properties: {
                  size: { type: "integer", minimum: 1, default: 1 },
                  color: { type: "string", enum: ["red", "green"] },
                  parts: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    items: {
                      type: "object",
                      required: ["name"],
                      properties: { name: { type: "string" } },
                    },
                  },
                },
              },
              status: { type: "object", properties: { size: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
};
