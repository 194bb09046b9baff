/** Pods that cannot work are refused, at the field that is wrong. */
import { describe, expect, test } from "vitest";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { type Draft, draft, problems } from "./checked.ts";

const app = { name: "app", image: "web:1" };
const check = (spec: Draft) => problems(pods, { spec: { containers: [app], ...spec } });
const withContainer = (fields: Draft, spec: Draft = {}) =>
  check({ containers: [{ ...app, ...fields }], ...spec });
const fieldOf = (problem: string) => problem.slice(0, problem.indexOf(": "));

test("a pod that uses everything is fine", () => {
  const spec = {
    restartPolicy: "OnFailure",
    nodeSelector: { "kubernetes.io/os": "linux" },
    volumes: [
      { name: "config", configMap: { name: "c", items: [{ key: "a", path: "x/y", mode: 0o400 }] } },
      { name: "secret", secret: { secretName: "s", defaultMode: 0o440 } },
      { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } },
      {
        name: "pod",
        downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
      },
      {
        name: "all",
        projected: {
          sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3607 } }],
        },
      },
    ],
    initContainers: [
      { name: "setup", image: "web:1" },
      {
        name: "proxy",
        image: "web:1",
        restartPolicy: "Always",
        startupProbe: { tcpSocket: { port: 1 } },
      },
    ],
    containers: [
      {
        ...app,
        ports: [
          { name: "http", containerPort: 80 },
          { containerPort: 53, protocol: "UDP" },
        ],
        env: [
          { name: "A", value: "1" },
          { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          {
            name: "C",
            valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } },
          },
          { name: "D", valueFrom: { configMapKeyRef: { name: "c", key: "k", optional: true } } },
          { name: "E", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
        ],
        envFrom: [{ prefix: "X_", configMapRef: { name: "c" } }],
        volumeMounts: [{ name: "config", mountPath: "/etc/app", subPath: "a/b", readOnly: true }],
        resources: { requests: { cpu: "100m" }, limits: { cpu: "1", memory: "1Gi" } },
        livenessProbe: { httpGet: { path: "/", port: "http" } },
        readinessProbe: { exec: { command: ["true"] }, successThreshold: 2 },
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false },
      },
    ],
    tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 1 }],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 1,
            podAffinityTerm: {
              topologyKey: "kubernetes.io/hostname",
              labelSelector: { matchLabels: { app: "web" } },
            },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", minDomains: 2 },
    ],
  };
  expect(problems(pods, { spec })).toEqual([]);
});

const C = "spec.containers[0]";
const V = "spec.volumes[0]";
const handlers = { exec: { command: ["true"] }, tcpSocket: { port: 80 } };
const cases: [what: string, found: string[], expected: string[]][] = [
  ["no containers", check({ containers: [] }), ["spec.containers: Required value"]],
  ["a container without a name", withContainer({ name: "" }), [`${C}.name: Required value`]],
  [
    "a container without an image",
    withContainer({ image: undefined }),
    [`${C}.image: Required value`],
  ],
  [
    "an image with spaces around it",
    withContainer({ image: " web " }),
    [`${C}.image: Invalid value: " web ": must not have leading or trailing whitespace`],
  ],
  [
    "two containers of one name",
    check({ containers: [app, app] }),
    ['spec.containers[1].name: Duplicate value: "app"'],
  ],
  [
    "an init container of the same name",
    check({ initContainers: [app] }),
    ['spec.initContainers[0].name: Duplicate value: "app"'],
  ],
  [
    "an unknown restart policy",
    check({ restartPolicy: "Sometimes" }),
    [
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
  ],
  [
    "an unknown restart policy of a container",
    withContainer({ restartPolicy: "Sometimes" }),
    [
      `${C}.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"`,
    ],
  ],
  [
    "restart rules without a policy for other exit codes",
    withContainer({
      restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }],
    }),
    [`${C}.restartPolicy: Required value: must specify restartPolicy when restart rules are used`],
  ],
  [
    "a restart rule without exit codes, and one that restarts everything",
    withContainer({
      restartPolicy: "Never",
      restartPolicyRules: [
        { action: "Restart" },
        { action: "RestartAllContainers", exitCodes: { operator: "NotIn", values: [0] } },
      ],
    }),
    [
      `${C}.restartPolicyRules[0].exitCodes: Required value: must be specified`,
      `${C}.restartPolicyRules[1].action: Unsupported value: "RestartAllContainers": supported values: "Restart"`,
    ],
  ],
  [
    "a probe on a plain init container",
    check({ initContainers: [{ ...app, name: "i", livenessProbe: { tcpSocket: { port: 1 } } }] }),
    [
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
  ],
  [
    "a port out of range",
    withContainer({ ports: [{ containerPort: 70_000 }] }),
    [`${C}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`],
  ],
  [
    "two ports of one name",
    withContainer({
      ports: [
        { name: "http", containerPort: 80 },
        { name: "http", containerPort: 81 },
      ],
    }),
    [`${C}.ports[1].name: Duplicate value: "http"`],
  ],
  [
    "two containers on one host port",
    check({
      containers: [
        { ...app, ports: [{ containerPort: 80, hostPort: 8080 }] },
        { ...app, name: "b", ports: [{ containerPort: 81, hostPort: 8080 }] },
      ],
    }),
    ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"'],
  ],
  [
    "another host port than container port on the host's network",
    check({
      hostNetwork: true,
      containers: [{ ...app, ports: [{ containerPort: 80, hostPort: 81 }] }],
    }),
    [
      `${C}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`,
    ],
  ],
  [
    "a variable named with =",
    withContainer({ env: [{ name: "A=B" }] }),
    [`${C}.env[0].name: Invalid value: "A=B": must be printable ASCII characters other than '='`],
  ],
  [
    "a variable with value and source",
    withContainer({
      env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
    }),
    [`${C}.env[0].valueFrom: Invalid value: may not be specified when \`value\` is not empty`],
  ],
  [
    "a variable from a field that is not exposed",
    withContainer({
      env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.hostname" } } }],
    }),
    [`${C}.env[0].valueFrom.fieldRef.fieldPath`],
  ],
  [
    "a variable from an empty source",
    withContainer({ env: [{ name: "A", valueFrom: {} }] }),
    [`${C}.env[0].valueFrom`],
  ],
  [
    "a divisor that makes no sense",
    withContainer({
      env: [
        { name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "3" } } },
      ],
    }),
    [`${C}.env[0].valueFrom.resourceFieldRef.divisor`],
  ],
  [
    "a secret key with a slash",
    withContainer({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "a/b" } } }] }),
    [`${C}.env[0].valueFrom.secretKeyRef.key`],
  ],
  ["envFrom without a source", withContainer({ envFrom: [{ prefix: "A" }] }), [`${C}.envFrom[0]`]],
  [
    "a mount of a volume that is not there",
    withContainer({ volumeMounts: [{ name: "data", mountPath: "/d" }] }),
    [`${C}.volumeMounts[0].name: Not found: "data"`],
  ],
  [
    "two mounts on one path",
    withContainer(
      {
        volumeMounts: [
          { name: "v", mountPath: "/d" },
          { name: "v", mountPath: "/d" },
        ],
      },
      { volumes: [{ name: "v" }] },
    ),
    [`${C}.volumeMounts[1].mountPath: Duplicate value: "/d"`],
  ],
  [
    "a subPath that leaves the volume",
    withContainer(
      { volumeMounts: [{ name: "v", mountPath: "/d", subPath: "a/../../b" }] },
      { volumes: [{ name: "v" }] },
    ),
    [`${C}.volumeMounts[0].subPath: Invalid value: "a/../../b": must not contain '..'`],
  ],
  [
    "a probe that does nothing",
    withContainer({ livenessProbe: {} }),
    [`${C}.livenessProbe: Required value: must specify a handler type`],
  ],
  [
    "a probe that does two things",
    withContainer({ readinessProbe: handlers }),
    [`${C}.readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`],
  ],
  [
    "a hook that does two things",
    withContainer({ lifecycle: { preStop: handlers } }),
    [`${C}.lifecycle.preStop.tcpSocket: Forbidden: may not specify more than 1 handler type`],
  ],
  [
    "a hook that does nothing",
    withContainer({ lifecycle: { postStart: {} } }),
    [`${C}.lifecycle.postStart: Required value: must specify a handler type`],
  ],
  [
    "a sleep beyond the grace period",
    withContainer({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
    [
      `${C}.lifecycle.preStop.sleep.seconds: Invalid value: 31: must be non-negative and not more than terminationGracePeriodSeconds (30)`,
    ],
  ],
  [
    "a liveness probe that must succeed twice",
    withContainer({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
    [`${C}.livenessProbe.successThreshold: Invalid value: 2: must be 1`],
  ],
  [
    "a probe with a negative delay",
    withContainer({ readinessProbe: { tcpSocket: { port: 1 }, initialDelaySeconds: -1 } }),
    [
      `${C}.readinessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0`,
    ],
  ],
  [
    "a probe of a port with a bad name",
    withContainer({ readinessProbe: { tcpSocket: { port: "-http" } } }),
    [`${C}.readinessProbe.tcpSocket.port`],
  ],
  [
    "a request above the limit",
    withContainer({ resources: { requests: { cpu: "2" }, limits: { cpu: "1500m" } } }),
    [
      `${C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m`,
    ],
  ],
  [
    "a negative request",
    withContainer({ resources: { requests: { cpu: "-1" } } }),
    [`${C}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`],
  ],
  [
    "an unknown resource",
    withContainer({ resources: { requests: { disk: "1" } } }),
    [`${C}.resources.requests[disk]`, `${C}.resources.limits`],
  ],
  [
    "half a device",
    withContainer({ resources: { limits: { "example.com/gpu": "500m" } } }),
    [`${C}.resources.limits[example.com/gpu]`, `${C}.resources.requests[example.com/gpu]`],
  ],
  [
    "privilege both given and denied",
    withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    [`${C}.securityContext`],
  ],
  [
    "a user below zero",
    withContainer({ securityContext: { runAsUser: -1 } }),
    [`${C}.securityContext.runAsUser`],
  ],
  [
    "two volumes of one name",
    check({ volumes: [{ name: "v" }, { name: "v" }] }),
    ['spec.volumes[1].name: Duplicate value: "v"'],
  ],
  [
    "a volume with two sources",
    check({ volumes: [{ name: "v", emptyDir: {}, configMap: { name: "c" } }] }),
    [`${V}.configMap: Forbidden: may not specify more than 1 volume type`],
  ],
  [
    "a file mode that is none",
    check({ volumes: [{ name: "v", configMap: { name: "c", defaultMode: 0o1000 } }] }),
    [`${V}.configMap.defaultMode`],
  ],
  [
    "a file outside the volume",
    check({
      volumes: [{ name: "v", secret: { secretName: "s", items: [{ key: "k", path: "../k" }] } }],
    }),
    [`${V}.secret.items[0].path`],
  ],
  [
    "a file that the atomic writer owns",
    check({
      volumes: [{ name: "v", secret: { secretName: "s", items: [{ key: "k", path: "..data" }] } }],
    }),
    [`${V}.secret.items[0].path`],
  ],
  [
    "a host path that climbs",
    check({ volumes: [{ name: "v", hostPath: { path: "/a/../b" } }] }),
    [`${V}.hostPath.path`],
  ],
  [
    "a token that lives too briefly",
    check({
      volumes: [
        {
          name: "v",
          projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 599 } }] },
        },
      ],
    }),
    [`${V}.projected.sources[0].serviceAccountToken.expirationSeconds`],
  ],
  ["a deadline of zero", check({ activeDeadlineSeconds: 0 }), ["spec.activeDeadlineSeconds"]],
  ["DNS policy None without servers", check({ dnsPolicy: "None" }), ["spec.dnsConfig.nameservers"]],
  [
    "four name servers",
    check({ dnsConfig: { nameservers: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"] } }),
    ["spec.dnsConfig.nameservers: Too many: 4: must have at most 3 items"],
  ],
  ["a hostname with dots", check({ hostname: "a.b" }), ["spec.hostname"]],
  [
    "a host alias without an address",
    check({ hostAliases: [{ ip: "host", hostnames: ["a"] }] }),
    ["spec.hostAliases[0].ip"],
  ],
  [
    "a toleration of everything by value",
    check({ tolerations: [{ operator: "Equal", value: "x" }] }),
    ["spec.tolerations[0].operator"],
  ],
  [
    "a toleration with value and Exists",
    check({ tolerations: [{ key: "a", operator: "Exists", value: "x" }] }),
    ["spec.tolerations[0].value"],
  ],
  [
    "tolerationSeconds without NoExecute",
    check({
      tolerations: [{ key: "a", operator: "Exists", effect: "NoSchedule", tolerationSeconds: 1 }],
    }),
    ["spec.tolerations[0].effect"],
  ],
  [
    "a node selector that is no label",
    check({ nodeSelector: { "a b": "c" } }),
    ["spec.nodeSelector"],
  ],
  [
    "a preference of no weight",
    check({
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }],
        },
      },
    }),
    ["spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight"],
  ],
  [
    "a node affinity that compares text",
    check({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "a", operator: "Gt", values: ["x"] }] },
            ],
          },
        },
      },
    }),
    [
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values[0]",
    ],
  ],
  [
    "minDomains where it means nothing",
    check({
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway", minDomains: 2 },
      ],
    }),
    ["spec.topologySpreadConstraints[0].minDomains"],
  ],
  [
    "a skew of zero",
    check({
      topologySpreadConstraints: [
        { maxSkew: 0, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" },
      ],
    }),
    ["spec.topologySpreadConstraints[0].maxSkew"],
  ],
];

describe("a pod is refused for", () => {
  test.each(cases)("%s", (_what, found, expected) => {
    const comparable = found.map((problem, index) =>
      expected[index]?.includes(": ") === false ? fieldOf(problem) : problem,
    );
    expect(comparable).toEqual(expected);
  });
});

test("the writer is warned of what is allowed but hardly meant", () => {
  const spec = {
    containers: [
      {
        ...app,
        env: [{ name: "A" }, { name: "A" }],
        resources: { requests: { memory: "100m" } },
      },
    ],
    serviceAccount: "robot",
    nodeSelector: { "beta.kubernetes.io/os": "linux", disk: "ssd" },
    terminationGracePeriodSeconds: -1,
  };
  expect(pods.strategy.warnings?.(draft(pods, { spec }))).toEqual([
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    "spec.serviceAccount: deprecated; use serviceAccountName",
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated; use "kubernetes.io/os"',
    "spec.terminationGracePeriodSeconds: -1 is treated as 1",
  ]);
  expect(pods.strategy.warnings?.(draft(pods, { spec: { containers: [app] } }))).toEqual([]);
});
